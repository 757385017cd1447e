"""Taking documents out of token files that are there, without tokenising anything again.

What is left is what `write_tokens` would write after the withdrawal, byte for byte: a document's place depends on no
other.
"""

import uuid
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export
from prox_assets.lake.storage.storage import Storage
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.folder import (
    ShardRecord,
    put_manifest,
    read_manifest,
    read_record,
    recorded_shards,
    remove_shard,
    size_of,
)
from prox_assets.tokens.manifest import TokenManifest, TokenShard
from prox_assets.tokens.sources import ShardName
from prox_assets.tokens.writing.files import Blocks, Part, put_shard_without
from prox_assets.tokens.writing.shard import hash_of, identity_of, shard_lease

NAMES = ["corpus", "shard", "doc_id", "url", "text_hash"]
BLOCK_BYTES = 4 << 20


def documents_of(export: Export) -> Iterator[pl.DataFrame]:
    """Yield the documents of token files, as the files themselves say, one row group in memory.

    Returns:
        Frames with the columns corpus, shard, doc_id, url and text_hash, which is that of the raw text.

    Raises:
        TokensError: What the files say about themselves is damaged.
        LakeError: They cannot be read.
    """
    folder = export.open()
    for name in recorded_shards(folder):
        record = read_record(folder, name)
        if record is None:
            continue
        for path in sorted(record.all_paths):
            # Who died while writing may not have come as far as to the list of documents, and so to none of its ids;
            # who died while taking out may have removed it, after the ids.
            if path.startswith("documents/") and (record.is_complete or folder.exists(path)):
                yield from _documents(folder, path, NAMES)


def is_unfinished(export: Export) -> bool:
    """Tell whether `forget_documents` was cut short; called again, even with no documents, it ends what it began.

    Raises:
        TokensError: What the files say about themselves is damaged.
        LakeError: They cannot be read.
    """
    folder = export.open()
    records = (read_record(folder, name) for name in recorded_shards(folder))
    return any(record is not None and record.forgetting for record in records) or _newer_manifest(folder) is not None


def forget_documents(lake: Lake, export: Export, doc_ids: Collection[str]) -> int:
    """Take documents out of token files: the files that hold them, the manifest and its checksums are written again.

    It may be killed and repeated. Shards that were being written when their writer died are removed whole; the next
    run writes them again.

    Args:
        lake: The lake, which has the leases.
        export: The token files.
        doc_ids: The documents.

    Returns:
        How many documents were removed.

    Raises:
        TokensError: A file is not as long as its documents say.
        LeaseHeldError: Another run is writing one of the shards.
        LakeError: The lake or the files cannot be read or written.
    """
    folder = export.open()
    run_id = f"prox-forget-{uuid.uuid4().hex[:12]}"
    wanted = frozenset(doc_ids)
    removed = sum(_forget_shard(lake, export, folder, name, wanted, run_id) for name in recorded_shards(folder))
    manifest = _newer_manifest(folder)
    if manifest is not None:
        put_manifest(folder, manifest)
    return removed


def _forget_shard(
    lake: Lake, export: Export, folder: Storage, name: ShardName, doc_ids: frozenset[str], run_id: str
) -> int:
    record = read_record(folder, name)
    if record is None or (record.is_complete and not _held(folder, record, doc_ids)):
        return 0
    removed = 0
    with shard_lease(lake, export.name, name, run_id) as lease:
        while (record := read_record(folder, name)) is not None:
            if not record.identity:
                remove_shard(folder, name)
                return removed
            # What an interrupted run was taking out comes first: its files are those of before or of after that.
            taken = frozenset(record.forgetting) or _held(folder, record, doc_ids)
            if not taken:
                return removed
            _take_out(folder, record, taken, lease.check)
            removed += len(taken)
    return removed


def _held(folder: Storage, record: ShardRecord, doc_ids: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    for shard in record.shards:
        for frame in _documents(folder, _paths(shard)[0], ["doc_id"]):
            found.update(doc_ids.intersection(frame["doc_id"]))
    return frozenset(found)


def _take_out(folder: Storage, record: ShardRecord, taken: frozenset[str], check: Callable[[], None]) -> None:
    unfinished = record.model_copy(update={"forgetting": tuple(sorted(taken))})
    kept = hash_of(record.kept, taken)
    after = record.model_copy(
        update={
            "forgetting": (),
            "paths": (),
            "kept": kept,
            "withdrawn": record.withdrawn + len(taken),
            "identity": identity_of(record.made_from, kept),
        }
    )
    parts: dict[str, Part] = {}
    untouched: list[TokenShard] = []
    for shard in record.shards:
        if record.forgetting and not folder.exists(_paths(shard)[0]):
            continue  # an earlier run has removed all of this split
        part = _without(folder, shard, taken)
        if part is None:
            untouched.append(shard)
        elif part.documents.height:
            parts[shard.split] = part
    put_shard_without(folder, after, unfinished, parts, untouched, check)


class _Run(NamedTuple):
    """Bytes of a token file that are kept."""

    start: int
    end: int


def _without(folder: Storage, shard: TokenShard, taken: frozenset[str]) -> Part | None:
    """Return what is left of a split; None where it holds none of the documents, and never has."""
    documents_path, token_path = _paths(shard)
    documents = pl.concat(list(_documents(folder, documents_path, None)))
    kept = documents.filter(~pl.col("doc_id").is_in(list(taken)))
    sizes = {file.path: file.bytes for file in shard.files}
    size = size_of(folder, token_path)
    if kept.height == documents.height and size == sizes[token_path]:
        return None
    width = sizes[token_path] // shard.tokens
    if not kept.height:
        runs = []  # an earlier run may have removed the token file
    elif size == width * int(documents["tokens"].sum()):
        runs = _runs(documents, taken, width)
    elif size is not None and size == width * int(
        kept["tokens"].sum()
    ):  # an earlier run was killed after it had put this file in place
        runs = [_Run(0, size)]
    else:
        raise TokensError(
            f"{folder.uri(token_path)} is not as long as its documents say: run `prox tokens` again, which writes it "
            "anew, and then withdraw again"
        )
    return Part(kept, _bytes_of(folder, token_path, runs))


def _runs(documents: pl.DataFrame, taken: frozenset[str], width: int) -> list[_Run]:
    runs: list[_Run] = []
    end = 0
    for doc_id, tokens in documents.select("doc_id", "tokens").iter_rows():
        start, end = end, end + tokens * width
        if doc_id in taken:
            continue
        if runs and runs[-1].end == start:
            runs[-1] = _Run(runs[-1].start, end)
        else:
            runs.append(_Run(start, end))
    return runs


def _bytes_of(folder: Storage, path: str, runs: list[_Run]) -> Blocks:
    def read() -> Iterator[bytes]:
        with folder.open(path) as file:
            for start, end in runs:
                file.seek(start)
                while start < end:
                    block = file.read(min(BLOCK_BYTES, end - start))
                    start += len(block)
                    yield block

    return read


def _paths(shard: TokenShard) -> tuple[str, str]:
    """Return the paths of a split's documents and of its token file."""
    paths = {file.format: file.path for file in shard.files}
    return paths["documents"], paths["tokens"]


def _documents(folder: Storage, path: str, columns: list[str] | None) -> Iterator[pl.DataFrame]:
    try:
        with folder.open(path) as file:
            parquet = pq.ParquetFile(file)
            for group in range(parquet.num_row_groups):
                yield cast("pl.DataFrame", pl.from_arrow(parquet.read_row_group(group, columns=columns)))
    except FileNotFoundError as error:
        raise TokensError(
            f"{folder.uri(path)} is not there, so nobody knows which documents the token file holds: run `prox tokens` "
            "again, which writes both anew"
        ) from error
    except pa.ArrowException as error:
        raise TokensError(f"{folder.uri(path)} is damaged ({error}): run `prox tokens` again") from error


def _newer_manifest(folder: Storage) -> TokenManifest | None:
    """Return a manifest that says of every shard what its record says; None if there is none, or it says so."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    names = dict.fromkeys((shard.corpus, shard.shard) for shard in manifest.shards)
    records = [record for name in names if (record := read_record(folder, name)) is not None]
    shards = tuple(shard for record in records for shard in record.shards)
    return manifest.model_copy(update={"shards": shards}) if shards != manifest.shards else None
