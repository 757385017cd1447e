"""One shard of token files: which of its documents go where, and its files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import FOLDER, Withdrawn, withdrawn
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.chance import chance_of
from prox_assets.proof.texts.documents import sites_of_documents
from prox_assets.stages.run import LEASE_WAIT_SECONDS, Progress
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.folder import DOCUMENTS, ShardRecord, read_record, size_of
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.sources import ShardName, ShardText, TextSource
from prox_assets.tokens.splits import TRAIN, split_of
from prox_assets.tokens.tokenizer import OpenTokenizer
from prox_assets.tokens.writing.files import Blocks, Part, put_shard
from prox_assets.tokens.writing.spool import Spool, encoded

LAYOUT = 1
"""Counted up when the same settings and text give other files."""
NOTHING = "0" * 32


@dataclass(frozen=True)
class TokenJob:
    """What a shard is written from.

    Attributes:
        lake: The lake.
        settings: All settings.
        folder: Where the files go.
        source: Where the text comes from.
        tokenizer: What makes ids of it.
        withdrawn: What must not be in it.
    """

    lake: Lake
    settings: TokenSettings
    folder: Storage
    source: TextSource
    tokenizer: OpenTokenizer
    withdrawn: Withdrawn

    def lease(self, name: ShardName, run_id: str) -> Lease:
        """Return the lease of a shard."""
        return shard_lease(self.lake, self.settings.name, name, run_id)


def shard_lease(lake: Lake, tokens: str, name: ShardName, run_id: str) -> Lease:
    """Return the lease that a writer of a shard of token files must hold."""
    return Lease(lake.storage, name[0], f"tokens.{tokens}", name[1], run_id, wait_seconds=LEASE_WAIT_SECONDS)


@dataclass(frozen=True)
class Wanted:
    """What a shard's files should be.

    Attributes:
        text: The text.
        made_from: Identity of everything but the withdrawals.
        kept: Hash of the doc_ids that are not withdrawn: the same before they are gone from the lake and after.
        left_out: doc_ids that are withdrawn, and still in the lake.
    """

    text: ShardText
    made_from: str
    kept: str
    left_out: frozenset[str] = field(default_factory=frozenset)

    @property
    def identity(self) -> str:
        """Identity of the shard's files."""
        return identity_of(self.made_from, self.kept)


def identity_of(made_from: str, kept: str) -> str:
    """Return the identity of a shard's files, given that of everything but the withdrawals, and the hash of doc_ids."""
    return fingerprint([made_from, kept])


def hash_of(doc_ids_hash: str, doc_ids: Iterable[str]) -> str:
    """Return the hash of a set of doc_ids with further ones, or without some of it, 32 hex digits; no order counts."""
    value = int(doc_ids_hash, 16)
    for doc_id in doc_ids:
        value ^= xxhash.xxh3_128_intdigest(doc_id.encode())
    return f"{value:032x}"


def wanted(job: TokenJob, name: ShardName) -> Wanted:
    """Return what a shard's files should be.

    Raises:
        TokensError: There is no such shard.
        LakeError: The lake cannot be read.
    """
    settings, notes = job.settings, job.tokenizer.notes
    text = job.source.text(name)
    made_from = [
        LAYOUT,
        settings.source.model_dump(mode="json", exclude={"corpora"}),
        [notes.hash, notes.end_of_text_id, notes.beginning_of_text_id],
        [sorted(set(settings.formats)), settings.sequence_length, settings.litgpt_sequences],
        [settings.splits, settings.site, settings.shuffle, settings.seed],
        text.identity,
    ]
    kept, left_out = NOTHING, set[str]()
    for frame in job.source.frames(name, text, []):
        if job.withdrawn:
            rows = frame.select("doc_id", "url", "text_hash").iter_rows()
            left_out.update(row[0] for row in rows if job.withdrawn.of(*row) is not None)
        kept = hash_of(kept, (doc_id for doc_id in frame["doc_id"] if doc_id not in left_out))
    return Wanted(text, fingerprint(made_from), kept, frozenset(left_out))


def is_current(folder: Storage, record: ShardRecord | None, identity: str) -> bool:
    """Tell whether a shard has the files of an identity, each of the size that was written."""
    if record is None or not record.is_complete or record.identity != identity:
        return False
    return all(size_of(folder, file.path) == file.bytes for shard in record.shards for file in shard.files)


def write_shard(job: TokenJob, name: ShardName, run_id: str, progress: Progress) -> tuple[ShardRecord, bool]:
    """Write a shard's files unless they are current.

    Returns:
        What is known of it then, and whether it was written now.

    Raises:
        TokensError: There is no such shard, or no document has the column of `site`.
        LeaseHeldError: Another run is writing it.
        LakeError: The lake or the folder cannot be read or written.
    """
    while True:
        target = wanted(job, name)
        written = _write(job, name, target, run_id, progress)
        if _withdrawals(job.lake) == {each.name for each in job.withdrawn.withdrawals}:
            return written
        # Something was withdrawn meanwhile: whoever did it may have looked for it before these files were there.
        job = replace(job, withdrawn=withdrawn(job.lake))


def _withdrawals(lake: Lake) -> set[str]:
    return {name.removesuffix(".json") for name in lake.storage.list_files(FOLDER) if name.endswith(".json")}


def _write(job: TokenJob, name: ShardName, target: Wanted, run_id: str, progress: Progress) -> tuple[ShardRecord, bool]:
    record = read_record(job.folder, name)
    if record is not None and is_current(job.folder, record, target.identity):
        return record, False
    with job.lease(name, run_id) as lease:
        record = read_record(job.folder, name)  # another run may just have written it
        if record is not None and is_current(job.folder, record, target.identity):
            return record, False
        with Spool(job.folder, job.tokenizer.dtype) as spool:
            documents = _tokenise(job, name, target, spool, progress)
            parts = {split: Part(documents[rows], _blocks(spool, rows)) for split, rows in _orders(job, documents)}
            record = ShardRecord(
                corpus=name[0],
                shard=name[1],
                identity=target.identity,
                made_from=target.made_from,
                kept=target.kept,
                withdrawn=len(target.left_out),
                settings=job.settings,
            )
            return put_shard(job.folder, record, parts, lease.check), True


def _blocks(spool: Spool, rows: NDArray[np.int64]) -> Blocks:
    return lambda: spool.blocks(rows)


def _tokenise(job: TokenJob, name: ShardName, target: Wanted, spool: Spool, progress: Progress) -> pl.DataFrame:
    """Put the ids of a shard's documents into the spool, and return the documents: DOCUMENTS, split and key."""
    frames = _texts(job, name, target)
    tables: list[pl.DataFrame] = []
    done = 0
    has_site = job.settings.site is None or not job.settings.splits
    for batch, ids in encoded(job.tokenizer, frames):
        spool.add(ids)
        splits, has = _splits(job.settings, batch)
        has_site |= has
        tables.append(
            batch.select(
                pl.lit(name[0]).alias("corpus"),
                pl.lit(name[1]).alias("shard"),
                "doc_id",
                "url",
                "text_hash",
                pl.Series("tokens", [len(each) // spool.dtype.itemsize for each in ids], pl.Int64),
                pl.col("text").str.len_chars().cast(pl.Int64).alias("characters"),
                pl.Series("split", splits, pl.String),
            )
        )
        done += batch.height
        progress(done, target.text.documents)
    if not tables:
        return pl.from_arrow(DOCUMENTS.empty_table()).with_columns(split=pl.lit("", pl.String))  # pyright: ignore
    if not has_site:
        raise TokensError(
            f"no document of shard {name[1]!r} of corpus {name[0]} has a value in column {job.settings.site!r} (site) "
            "among the metadata of its source: name another column, or leave it out to go by hosts"
        )
    return pl.concat(tables)


def _texts(job: TokenJob, name: ShardName, target: Wanted) -> Iterator[pl.DataFrame]:
    columns = ["text"] if job.settings.site is None or not job.settings.splits else ["text", "metadata"]
    for frame in job.source.frames(name, target.text, columns):
        kept = pl.col("text") != ""  # an empty document would be an end-of-text after another
        if target.left_out:
            kept &= ~pl.col("doc_id").is_in(list(target.left_out))
        yield frame.filter(kept)


def _splits(settings: TokenSettings, batch: pl.DataFrame) -> tuple[list[str], bool]:
    """Return the split of each document, and whether any has the column of `site`."""
    if not settings.splits:
        return [TRAIN] * batch.height, False
    columns = batch if "metadata" in batch.columns else batch.with_columns(metadata=pl.lit(None, pl.String))
    sites, has_site = sites_of_documents(columns, settings.site)
    return [split_of(site, settings.splits, settings.seed) for site in sites], has_site


def _orders(job: TokenJob, documents: pl.DataFrame) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield each split that has documents, with their row numbers in the order of the file."""
    settings = job.settings
    order = np.arange(documents.height)
    if settings.shuffle:
        # Each document's place is drawn on its own, so that one that is withdrawn later moves no other.
        keys = [chance_of(settings.seed, "order", doc_id) for doc_id in documents["doc_id"]]
        order = np.argsort(np.array(keys), kind="stable")
    splits = documents["split"].to_numpy()
    for split in (TRAIN, *settings.splits):
        rows = order[splits[order] == split] if documents.height else order
        if len(rows):
            yield split, rows
