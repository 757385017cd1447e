"""Documents taken out of exported programs, so that a withdrawal reaches what was written before it."""

import json
import uuid
from collections.abc import Collection, Iterator

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.files import new_file, rows_of
from prox_assets.publishing.dialect_files.manifest import ExportedShard, ExportManifest, counted
from prox_assets.publishing.dialect_files.settings import ExportSettings
from prox_assets.publishing.dialect_files.write import KIND, LEASES
from prox_assets.publishing.programs.manifest import sha256_of
from prox_assets.publishing.refined_shards import WITHDRAWN

_FORGETTING = "_forgetting.json"
"""Documents that are being taken out; gone when all files are without them."""
_AT_ONCE = 10_000


def documents_of(export: Export) -> Iterator[pl.DataFrame]:
    """Yield the documents of an export: corpus, shard, doc_id, url and text_hash (of the raw text).

    Raises:
        ProgramsError: A file is missing or damaged.
        LakeError: The folder cannot be read.
    """
    folder = export.open()
    manifest = ExportManifest.read(folder)
    if manifest is None:
        return
    for shard in manifest.shards:
        rows = rows_of(folder, shard.file, manifest.settings, ["doc_id", "url", "raw_hash"])
        while batch := [row for row, _ in zip(rows, range(_AT_ONCE), strict=False)]:
            yield pl.DataFrame(
                {
                    "corpus": [manifest.settings.corpus] * len(batch),
                    "shard": [shard.shard] * len(batch),
                    "doc_id": [row["doc_id"] for row in batch],
                    "url": pl.Series([row["url"] for row in batch], dtype=pl.String),
                    "text_hash": [row["raw_hash"] for row in batch],
                }
            )


def is_unfinished(export: Export) -> bool:
    """Tell whether taking documents out was cut short; `forget_documents`, even of none, finishes it.

    Raises:
        LakeError: The folder cannot be read.
    """
    return export.open().exists(_FORGETTING)


def forget_documents(lake: Lake, export: Export, doc_ids: Collection[str]) -> int:
    """Rewrite the files that hold some documents without them, and then the manifest; return how many were removed.

    After a kill it can be done again.

    Args:
        lake: The lake that it was made from, which has the lease; its documents are not read.
        export: The export.
        doc_ids: The documents.

    Raises:
        ProgramsError: A file is missing or damaged.
        LeaseHeldError: The export is being written.
        LakeError: The folder cannot be read or written.
    """
    run_id = f"prox-forget-{uuid.uuid4().hex[:12]}"
    with Lease(lake.storage, LEASES, KIND, export.name, run_id):
        folder = export.open()
        manifest = ExportManifest.read(folder)
        if manifest is None:
            return 0
        gone = frozenset(doc_ids).union(json.loads(folder.read_bytes(_FORGETTING) or b"[]"))
        folder.write_bytes(_FORGETTING, json.dumps(sorted(gone)).encode())
        shards = tuple(_without(folder, manifest.settings, shard, gone) for shard in manifest.shards)
        if shards != manifest.shards:
            manifest.model_copy(update={"shards": shards}).write(folder)
        folder.remove(_FORGETTING)
        return manifest.documents - sum(shard.documents for shard in shards)


def _without(folder: Storage, settings: ExportSettings, shard: ExportedShard, gone: frozenset[str]) -> ExportedShard:
    """Take documents out of a shard's file; return what the manifest says of it then."""
    if any(row["doc_id"] in gone for row in rows_of(folder, shard.file, settings, ["doc_id"])):
        with new_file(folder, shard.file, settings) as file:
            for row in rows_of(folder, shard.file, settings):
                if row["doc_id"] not in gone:
                    file.write(row)
    sha256, size = sha256_of(folder, shard.file)
    if sha256 == shard.sha256:
        return shard
    counts = counted(rows_of(folder, shard.file, settings, ["outcome", "fidelity", "unsaid"]))
    left_out = {**shard.left_out}
    left_out[WITHDRAWN] = left_out.get(WITHDRAWN, 0) + shard.documents - counts["documents"]
    return shard.model_copy(update={"sha256": sha256, "bytes": size, "left_out": left_out, **counts})
