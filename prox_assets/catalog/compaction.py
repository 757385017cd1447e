"""Keeps queries fast when a corpus has many shards: merges small tables into one file per corpus.

With one file per shard, ten thousand shards cost every query about metrics three seconds just to open files. A
compaction holds the rows of all shards, and records which version of each shard's file they came from. Readers take the
unchanged shards from it and read the other shards' files directly. It is only a copy and may be deleted at any time.

Every compaction is a new file, published atomically under its own name. A writer therefore never disturbs a reader,
even one that has already decided which shards to read from where.
"""

import json
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import duckdb
import pyarrow.parquet as pq

from prox_assets.catalog.places import pattern
from prox_assets.catalog.sql_parts import duckdb_type, no_rows, one_of, parquet_rows, quoted, quoted_list
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.compute import fold_compute
from prox_assets.lake.records.judgements import fold_judgements
from prox_assets.lake.schemas import ADDED_COLUMNS, RENAMED_COLUMNS, SCHEMA_VERSION, SCHEMAS, Table

FOLDER = "compacted"
# Readers may still use the second-newest compaction; a reader that outlives two compactions must reopen the catalog.
GENERATIONS_KEPT = 2
# Rows per row group of the index, which is what a look-up by id reads. 20,000 ids are half a megabyte.
ROW_GROUP_ROWS = 20_480
MEMORY_LIMIT = "2GB"
_VERSION, _FOLDER_STAMP, _STAMPS = b"prox.schema_version", b"prox.folder_stamp", b"prox.stamps"


class Compacted(StrEnum):
    """The tables that are compacted."""

    SHARDS = "shards"
    SHARD_METRICS = "shard_metrics"
    SHARD_METRICS_HISTORY = "shard_metrics_history"
    POLICIES = "policies"
    MANIFESTS = "manifests"
    DOCUMENT_INDEX = "document_index"
    """doc_id, shard, source_row and url of every document, sorted by doc_id."""

    @property
    def folder(self) -> str:
        """The corpus folder whose files it merges."""
        return Table.DOCUMENTS if self is Compacted.DOCUMENT_INDEX else self.value

    @property
    def suffix(self) -> str:
        """How the names of these files end."""
        return ".json" if self is Compacted.MANIFESTS else ".parquet"


MANIFEST_COLUMNS = ("corpus", "shard", "execution_id", "run_id", "created_at")
INDEX_COLUMNS = ("corpus", "shard", "doc_id", "source_row", "url")


@dataclass(frozen=True)
class Coverage:
    """How far the newest compaction of a corpus is up to date.

    Attributes:
        uri: The compaction's file, as a DuckDB pattern; None where there is none.
        outdated: Shards whose rows in it are out of date.
        fresh: Files, as DuckDB patterns, that must be read in addition to it.
        stamps: The stamp of every shard's file at the time of the comparison; empty if the folder was unchanged.
        folder_stamp: The folder's stamp, where its file system gives one.
    """

    uri: str | None
    outdated: tuple[str, ...]
    fresh: tuple[str, ...]
    stamps: Mapping[str, str]
    folder_stamp: str | None

    @property
    def is_current(self) -> bool:
        """Whether the compaction covers every shard."""
        return self.uri is not None and not self.outdated and not self.fresh


@dataclass(frozen=True)
class Compaction:
    """A compaction's file.

    Attributes:
        uri: The file, as a DuckDB pattern.
        folder_stamp: The stamp of the folder that it was made from, where known.
    """

    uri: str
    folder_stamp: str | None
    _metadata: Mapping[bytes, bytes]

    def stamps(self) -> dict[str, str]:
        """Return the stamp of every shard's file whose rows it holds."""
        return json.loads(self._metadata[_STAMPS])


@dataclass(frozen=True)
class CompactionSummary:
    """What a compaction did: rows in each table that it rewrote, and shards that had changed since the last one."""

    rows: Mapping[str, int]
    shards_changed: int


def coverage(lake: Lake, corpus: str, what: Compacted, shards: Collection[str] | None = None) -> Coverage:
    """Compare the newest compaction with the current files, of all shards or some.

    If the folder has not changed since, it skips the listing, so the cost is independent of the number of shards.
    """
    newest = newest_compaction(lake, corpus, what)
    # Taken before the listing, so that a change in between makes the next reader list again.
    folder_stamp = lake.storage.folder_stamp(f"{corpus}/{what.folder}")
    if newest is None:
        covered: dict[str, str] = {}
    else:
        if folder_stamp is not None and newest.folder_stamp == folder_stamp:
            return Coverage(newest.uri, (), (), {}, folder_stamp)
        covered = newest.stamps()
    stamps = _stamps(lake, corpus, what)
    outdated = tuple(sorted(shard for shard, stamp in covered.items() if stamps.get(shard) != stamp))
    fresh = [
        pattern(lake, f"{corpus}/{what.folder}/{shard}{what.suffix}")
        for shard, stamp in sorted(stamps.items())
        if covered.get(shard) != stamp and (shards is None or shard in shards)
    ]
    return Coverage(newest.uri if newest else None, outdated, tuple(fresh), stamps, folder_stamp)


def compact(lake: Lake, corpus: str) -> CompactionSummary:
    """Write a new compaction of each table of a corpus, copying unchanged shards from the previous one.

    It also folds the files of people's judgements and of attempts.

    Raises:
        LakeError: The lake cannot be read or written.
        duckdb.Error: A file of the lake is damaged; the message names it.
    """
    fold_judgements(lake, corpus)
    fold_compute(lake, corpus)
    rows: dict[str, int] = {}
    changed: set[str] = set()
    for what in Compacted:
        before = coverage(lake, corpus, what)
        # A compaction made right after a change has no folder stamp yet; the next one records it.
        noted = not before.stamps or before.folder_stamp is None
        if (before.is_current and noted) or (before.uri is None and not before.fresh):
            continue
        changed |= {uri.rpartition("/")[2].removesuffix(what.suffix) for uri in before.fresh} | set(before.outdated)
        rows[what] = _write(lake, corpus, what, before)
    return CompactionSummary(rows, len(changed))


def _write(lake: Lake, corpus: str, what: Compacted, before: Coverage) -> int:
    # The stamps were taken before the rows are read, so a file replaced in between will count as changed.
    metadata = {
        _VERSION: str(SCHEMA_VERSION),
        _FOLDER_STAMP: before.folder_stamp or "",
        _STAMPS: json.dumps(before.stamps),
    }
    notes = ", ".join(f"{quoted(name.decode())}: {quoted(value)}" for name, value in metadata.items())
    order = "doc_id" if what is Compacted.DOCUMENT_INDEX else "shard"
    name = f"{what}-{_next_stamp(lake, corpus, what):020d}-{uuid.uuid4().hex[:8]}.parquet"
    with (
        lake.storage.new_files([f"{corpus}/{FOLDER}/{name}"]) as [temporary],
        duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": f"{temporary}.spill"}) as connection,
    ):
        if not lake.storage.is_local:
            connection.register_filesystem(lake.storage.fs)
        rows = f"SELECT * FROM ({rows_query(what, [before])}) ORDER BY {order}"
        counted = connection.execute(
            f"COPY ({rows}) TO {quoted(str(temporary))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS}, "
            f"KV_METADATA {{{notes}}})"
        ).fetchall()
    _remove_old(lake, corpus, what)
    return counted[0][0]


def rows_query(
    what: Compacted,
    parts: Sequence[Coverage],
    shards: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
) -> str:
    """Return a query for the current rows of some corpora: from the compactions, and from files they do not cover.

    Args:
        what: The table.
        parts: The coverage of each corpus.
        shards: Shards that the parts were asked about; all by default.
        columns: The columns to read, where the table has them; all by default.
    """
    types = {name: kind for name, kind in _types(what).items() if columns is None or name in columns}
    # Files of an earlier release lack the columns that were added since, and have others under an older name.
    added = next((names for table, names in ADDED_COLUMNS.items() if table == what), frozenset())
    renamed = next((names for table, names in RENAMED_COLUMNS.items() if table == what), {})
    renamed = {new: old for new, old in renamed.items() if new in types}
    olds = {old: types[new] for new, old in renamed.items()}
    differing = {**_types(what), **olds} if renamed or not added.isdisjoint(types) else None
    names = ", ".join([*types, *olds])
    queries: list[str] = []
    fresh: list[str] = []
    for part in parts:
        if part.uri is not None:
            wanted = "true" if shards is None else one_of("shard", shards)
            rows = f"FROM {parquet_rows([part.uri], differing)} WHERE {wanted} AND NOT {one_of('shard', part.outdated)}"
            queries.append(f"SELECT {names} {rows}")
        fresh += part.fresh
    if fresh and what is Compacted.MANIFESTS:
        queries.append(_fresh_manifests(fresh))
    elif fresh:
        queries.append(f"SELECT {names} FROM {parquet_rows(fresh, differing)}")
    if not queries:
        return no_rows(_types(what))
    rows = " UNION ALL BY NAME ".join(queries)
    if not renamed:
        return rows
    todays = ", ".join(f"coalesce({new}, {old}) AS {new}" for new, old in renamed.items())
    return f"SELECT * EXCLUDE ({', '.join(renamed.values())}) REPLACE ({todays}) FROM ({rows})"


def _fresh_manifests(uris: Sequence[str]) -> str:
    # The path names the manifest's shard: .../{corpus}/manifests/{shard}.json
    columns = "{execution_id: 'VARCHAR', run_id: 'VARCHAR', created_at: 'VARCHAR'}"
    return (
        "SELECT split_part(filename, '/', -3) AS corpus, "
        "regexp_replace(split_part(filename, '/', -1), '[.]json$', '') AS shard, execution_id, run_id, created_at "
        f"FROM read_json({quoted_list(uris)}, columns = {columns}, filename = true, "
        "hive_partitioning = false)"
    )


def _types(what: Compacted) -> dict[str, str]:
    """Return DuckDB's type of every column."""
    if what is Compacted.MANIFESTS:
        return dict.fromkeys(MANIFEST_COLUMNS, "VARCHAR")
    schema = SCHEMAS[Table(what.folder)]
    names = INDEX_COLUMNS if what is Compacted.DOCUMENT_INDEX else schema.names
    return {name: duckdb_type(schema.field(name).type) for name in names}


def _stamps(lake: Lake, corpus: str, what: Compacted) -> dict[str, str]:
    stamps = lake.storage.list_stamps(f"{corpus}/{what.folder}")
    return {name.removesuffix(what.suffix): stamp for name, stamp in stamps.items() if name.endswith(what.suffix)}


def _generations(lake: Lake, corpus: str, what: Compacted) -> list[str]:
    """Return the compactions of a table, the newest last: their names start with their time of creation."""
    names = lake.storage.list_files(f"{corpus}/{FOLDER}")
    return [name for name in names if name.rpartition("-")[0].rpartition("-")[0] == what]


def _next_stamp(lake: Lake, corpus: str, what: Compacted) -> int:
    """Return the time in nanoseconds, or the newest compaction's stamp plus one if the clock went backwards.

    A compaction that looked older than its predecessor would never be read, and every later call would rewrite it.
    """
    stamps = (int(name.rpartition("-")[0].rpartition("-")[2]) for name in _generations(lake, corpus, what))
    return max(time.time_ns(), max(stamps, default=0) + 1)


def newest_compaction(lake: Lake, corpus: str, what: Compacted) -> Compaction | None:
    """Return the newest compaction of a table; None if there is none, or if it has another schema version."""
    name = next(reversed(_generations(lake, corpus, what)), None)
    if name is None:
        return None
    path = f"{corpus}/{FOLDER}/{name}"
    with lake.storage.open(path) as file:
        metadata = pq.read_metadata(file).metadata or {}
    if metadata.get(_VERSION) != str(SCHEMA_VERSION).encode():
        return None
    return Compaction(pattern(lake, path), metadata[_FOLDER_STAMP].decode() or None, metadata)


def _remove_old(lake: Lake, corpus: str, what: Compacted) -> None:
    for name in _generations(lake, corpus, what)[:-GENERATIONS_KEPT]:
        lake.storage.remove(f"{corpus}/{FOLDER}/{name}")
