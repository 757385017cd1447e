"""Documents taken out of published programs, so that a withdrawal reaches what was written before it."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing

import polars as pl

from prox_assets.lake.schemas import KEPT_OUTCOMES
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.counting import Counts
from prox_assets.publishing.programs.manifest import ProgramShard, ProgramsManifest, corpora_of, sha256_of
from prox_assets.publishing.programs.reading import read_programs
from prox_assets.publishing.programs.tables import PROGRAMS, RowWriter
from prox_assets.publishing.refined_shards import WITHDRAWN

_AT_ONCE = 10_000


def documents_of(folder: Storage) -> Iterator[pl.DataFrame]:
    """Yield corpus, shard, doc_id, url and text_hash (of the raw text) of all documents in a folder of programs.

    Files that a killed run left without a manifest count, too.

    Raises:
        ProgramsError: A file is missing or damaged.
        LakeError: The folder cannot be read.
    """
    for corpus, file in _files(folder):
        rows = read_programs(folder, f"{corpus}/{file}", ["doc_id", "url", "raw_hash"])
        while batch := [row for row, _ in zip(rows, range(_AT_ONCE), strict=False)]:
            yield pl.DataFrame(
                {
                    "corpus": [corpus] * len(batch),
                    "shard": [file.removesuffix(".parquet")] * len(batch),
                    "doc_id": [row["doc_id"] for row in batch],
                    "url": pl.Series([row["url"] for row in batch], dtype=pl.String),
                    "text_hash": [row["raw_hash"] for row in batch],
                }
            )


def rows_of(folder: Storage, corpus: str) -> tuple[Counter[str], Counter[str]]:
    """Return the rows of each shard of a corpus, and those of documents that are kept, as its manifest has them.

    Raises:
        ProgramsError: The manifest is damaged.
        LakeError: The folder cannot be read.
    """
    manifest = ProgramsManifest.read(folder, corpus)
    shards = manifest.shards if manifest is not None else ()
    kept = {shard.shard: sum(shard.outcomes.get(outcome, 0) for outcome in KEPT_OUTCOMES) for shard in shards}
    return Counter({shard.shard: shard.documents for shard in shards}), Counter(kept)


def forget_documents(folder: Storage, doc_ids: Collection[str]) -> int:
    """Rewrite the files that hold some documents without them, and then the manifests; return how many were removed.

    After a kill it can be done again: a file without them is left as it is, and its checksum put right.

    Raises:
        ProgramsError: A file is missing or damaged.
        LakeError: The folder cannot be read or written.
    """
    ids = frozenset(doc_ids)
    removed = sum(_rewrite(folder, f"{corpus}/{file}", ids) for corpus, file in _files(folder))
    for corpus in corpora_of(folder):
        manifest = ProgramsManifest.read(folder, corpus)
        if manifest is not None:
            dialects = {key: policy.settings["dialect"] for key, policy in manifest.policies.items()}
            shards = tuple(_counted(folder, corpus, shard, dialects[shard.policy]) for shard in manifest.shards)
            if shards != manifest.shards:
                manifest.model_copy(update={"shards": shards}).write(folder, corpus)
    return removed


def _files(folder: Storage) -> Iterator[tuple[str, str]]:
    for corpus in folder.list_folders(""):
        if not corpus.startswith("_"):
            yield from ((corpus, file) for file in folder.list_files(corpus) if file.endswith(".parquet"))


def _rewrite(folder: Storage, path: str, doc_ids: frozenset[str]) -> int:
    """Write a file again without some documents; return how many those were."""
    gone = sum(row["doc_id"] in doc_ids for row in read_programs(folder, path, ["doc_id"]))
    if gone:
        with folder.new_files([path]) as [unfinished], closing(RowWriter(unfinished, PROGRAMS)) as writer:
            for row in read_programs(folder, path):
                if row["doc_id"] not in doc_ids:
                    writer.write(row)
    return gone


def _counted(folder: Storage, corpus: str, shard: ProgramShard, dialect: str) -> ProgramShard:
    """Return what the manifest says of a shard whose programs are of a dialect, after its file was rewritten."""
    path = f"{corpus}/{shard.file}"
    sha256, size = sha256_of(folder, path)
    if sha256 == shard.sha256:
        return shard
    counts = Counts()
    for row in read_programs(folder, path):
        counts.add(row, dialect)
    left_out = {**shard.left_out}
    left_out[WITHDRAWN] = left_out.get(WITHDRAWN, 0) + shard.documents - counts.documents
    changes = {"sha256": sha256, "bytes": size, "left_out": left_out, **vars(counts)}
    return shard.model_copy(update=changes)
