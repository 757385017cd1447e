"""Takes documents out of a published folder, without the lake that it was made from.

Data files are rewritten one by one, each atomically; then card, checksums, Croissant file and provenance, and the
manifest at last. A small file says that this is under way, so that the next call finishes it after a kill.
"""

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.data_files import SEGMENTS, OpenDataFile, data_file, data_paths
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.folder import PUBLISHED, finish, programs_of
from prox_assets.publishing.manifest import (
    UNFINISHED,
    Change,
    ConfigNotes,
    DataFile,
    PublishedManifest,
    read_manifest,
)
from prox_assets.publishing.programs import forget as programs


def documents_of(export: Export) -> Iterator[pl.DataFrame]:
    """Yield the documents that a published folder holds, a row group at a time, whether or not it is complete.

    Args:
        export: The published folder.

    Returns:
        corpus, shard, doc_id, url (null if it is no column of the data set), text_hash (of the raw text).

    Raises:
        PublishError: A file is damaged.
        LakeError: The folder cannot be read.
    """
    storage = export.open()
    for path in data_paths(storage):
        yield from documents_in(storage, path)
    yield from programs_in(export)


def programs_in(export: Export) -> Iterator[pl.DataFrame]:
    """Yield the documents whose programs a published folder holds, as `documents_of` does.

    Raises:
        StageError: A file is missing or damaged.
        LakeError: The folder cannot be read.
    """
    yield from programs.documents_of(programs_of(export.open()))


def documents_in(storage: Storage, path: str) -> Iterator[pl.DataFrame]:
    """Yield the documents of one data file, as `documents_of` does.

    Raises:
        PublishError: The file is damaged.
        LakeError: It cannot be read.
    """
    for frame, shards in _row_groups(storage, path, ["doc_id", "url", "raw_hash"]):
        yield frame.select(
            pl.lit(path.split("/")[1]).alias("corpus"),
            shards.alias("shard"),
            "doc_id",
            "url" if "url" in frame.columns else pl.lit(None, pl.String).alias("url"),
            pl.col("raw_hash").alias("text_hash"),
        )


def is_unfinished(export: Export) -> bool:
    """Tell whether documents are being taken out of a published folder, or a kill cut that short.

    `forget_documents`, even of no documents, finishes it.

    Raises:
        LakeError: The folder cannot be read.
    """
    return export.open().exists(UNFINISHED)


def forget_documents(lake: Lake, export: Export, doc_ids: Collection[str]) -> int:
    """Take documents out of a published folder: data, samples, counts, card and checksums; nothing else changes.

    Calling it again after a kill finishes what was begun.

    Args:
        lake: The lake that it was made from, which has the lease; its documents are not read.
        export: The published folder.
        doc_ids: The documents.

    Returns:
        How many it removed.

    Raises:
        PublishError: A file is damaged.
        LeaseHeldError: The data set is being written.
        LakeError: The folder cannot be read or written.
    """
    run_id = f"prox-forget-{uuid.uuid4().hex[:12]}"
    with Lease(lake.storage, PUBLISHED, "publish", export.name, run_id):
        return _forget(export, doc_ids)


def _forget(export: Export, doc_ids: Collection[str]) -> int:
    storage = export.open()
    begun = json.loads(storage.read_bytes(UNFINISHED) or b"[]")
    gone = frozenset(doc_ids).union(begun)
    held = [path for path in data_paths(storage) if _holds(storage, path, gone)]
    listed = any(frame["doc_id"].is_in(list(gone)).any() for frame in programs_in(export))
    manifest = read_manifest(storage)
    shown = manifest is not None and any(sample.doc_id in gone for sample in manifest.samples)
    if not (held or listed or shown or begun):
        return 0
    storage.write_bytes(UNFINISHED, json.dumps(sorted(gone)).encode())
    removed = sum(_rewrite(storage, path, gone) for path in held)
    # After a kill its files may be without them already, and only its manifest not.
    if listed or begun:
        removed = max(removed, programs.forget_documents(programs_of(storage), gone))
    if manifest is not None:
        finish(storage, _recounted(storage, manifest, gone))
    storage.remove(UNFINISHED)
    return removed


def _recounted(storage: Storage, manifest: PublishedManifest, gone: frozenset[str]) -> PublishedManifest:
    """Return the manifest of what is in the data files now."""
    files: list[DataFile] = []
    rows: dict[str, Counter[str]] = {config.name: Counter() for config in manifest.configs}
    for planned in manifest.files:
        if not storage.exists(planned.path):
            raise PublishError(f"{storage.uri(planned.path)} is not there: run `prox publish` again")
        file, _, segments = data_file(storage, planned.path)
        files.append(file)
        rows[file.config].update(dict(segments))
    program_rows = 0
    for config in manifest.configs if manifest.program_files else ():
        of_shard, kept = programs.rows_of(programs_of(storage), config.name)
        program_rows += of_shard.total()
        if not files:
            rows[config.name].update(kept)
    configs = tuple(_counted(config, rows[config.name]) for config in manifest.configs)
    removed = max(
        sum(config.published for config in manifest.configs) - sum(config.published for config in configs),
        manifest.program_rows - program_rows,
    )
    change = Change(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        what=f"{removed} document{'' if removed == 1 else 's'} withdrawn.",
    )
    # A kill after the manifest was written leaves nothing to tell.
    told = {
        "identity": fingerprint([manifest.identity, "without", removed]),
        "history": (*manifest.history, change),
    }
    return manifest.model_copy(
        update={
            **(told if removed else {}),
            "configs": configs,
            "files": tuple(files),
            "program_rows": program_rows,
            "samples": tuple(sample for sample in manifest.samples if sample.doc_id not in gone),
        }
    )


def _counted(config: ConfigNotes, rows: Counter[str]) -> ConfigNotes:
    shards = tuple(shard.model_copy(update={"published": rows[shard.shard]}) for shard in config.shards)
    removed = config.removed + config.published - rows.total()
    return config.model_copy(update={"shards": shards, "removed": removed})


def _holds(storage: Storage, path: str, gone: frozenset[str]) -> bool:
    return any(frame["doc_id"].is_in(list(gone)).any() for frame, _ in _row_groups(storage, path, ["doc_id"]))


def _rewrite(storage: Storage, path: str, gone: frozenset[str]) -> int:
    """Write a data file again without some documents; return how many those were."""
    _, identity, _ = data_file(storage, path)
    with storage.open(path) as file:
        schema = pq.read_schema(file)
    segments: Counter[str] = Counter()
    removed = 0
    for frame, shards in _row_groups(storage, path, ["doc_id"]):
        kept = ~frame["doc_id"].is_in(list(gone))
        removed += int((~kept).sum())
        segments.update(shards.filter(kept).to_list())
    # Its identity must fit no plan, so that a later `prox publish` writes it anew.
    with OpenDataFile(storage, path, schema, fingerprint([identity, "without", removed]), [*segments.items()]) as new:
        for frame, _ in _row_groups(storage, path, schema.names):
            new.add(frame.filter(~pl.col("doc_id").is_in(list(gone))))
    return removed


def _row_groups(storage: Storage, path: str, columns: Collection[str]) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """Yield the row groups of a data file, each with the shards of its rows."""
    try:
        with storage.open(path) as file:
            parquet = pq.ParquetFile(file)
            names = [name for name in parquet.schema_arrow.names if name in columns]
            segments = json.loads((parquet.metadata.metadata or {})[SEGMENTS])
            shards = pl.Series([shard for shard, _ in segments], dtype=pl.String)
            numbers = pl.Series([rows for _, rows in segments], dtype=pl.Int64)
            at = pl.Series(range(len(segments)), dtype=pl.Int64).repeat_by(numbers).explode()
            start = 0
            for group in range(parquet.num_row_groups):
                frame = cast("pl.DataFrame", pl.from_arrow(parquet.read_row_group(group, columns=names)))
                yield frame, shards.gather(at.slice(start, frame.height))
                start += frame.height
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise PublishError(
            f"{storage.uri(path)} is damaged ({' '.join(str(error).split())}): run `prox publish` again"
        ) from error
