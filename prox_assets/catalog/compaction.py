"""Keeping questions fast when a corpus has many shards: small tables put together into one file per corpus.

With one file per shard, ten thousand shards cost three seconds of opening files for every question about metrics. A
compaction holds the rows of all shards, and of which state of each file they are; readers take from it what has not
changed since, and the files of the other shards as they are. It is a copy and never the truth: it may be deleted at
any time.

Every compaction is a new file, put in place whole under a name of its own: a writer never disturbs a reader, not even
one that has decided already which shards it will take from where.

Belongs here: writing compactions, finding the newest, and telling what it covers. Not here: views (views.py).
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import duckdb
import pyarrow.parquet as pq

from prox_assets.catalog.places import pattern
from prox_assets.catalog.sql import duckdb_type, parquet_rows, quoted, quoted_list
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import ADDED_COLUMNS, SCHEMA_VERSION, SCHEMAS, Table

FOLDER = "compacted"
# Readers may still use the compaction before the newest; one that outlives two of them opens the catalog again.
GENERATIONS_KEPT = 2
# Rows of an index's row group: what a look-up by id reads. 20,000 ids are half a megabyte.
ROW_GROUP_ROWS = 20_480
MEMORY_LIMIT = "2GB"
_VERSION, _FOLDER_STAMP, _STAMPS = b"prox.schema_version", b"prox.folder_stamp", b"prox.stamps"


class Compacted(StrEnum):
    """What is put together."""

    SHARDS = "shards"
    SHARD_METRICS = "shard_metrics"
    SHARD_METRICS_HISTORY = "shard_metrics_history"
    POLICIES = "policies"
    MANIFESTS = "manifests"
    DOCUMENT_INDEX = "document_index"
    """doc_id, shard, source_row and url of every document, sorted by doc_id."""

    @property
    def folder(self) -> str:
        """The folder of a corpus whose files it is made of."""
        return Table.DOCUMENTS if self is Compacted.DOCUMENT_INDEX else self.value

    @property
    def suffix(self) -> str:
        """How the names of these files end."""
        return ".json" if self is Compacted.MANIFESTS else ".parquet"


MANIFEST_COLUMNS = ("corpus", "shard", "execution_id", "run_id", "created_at")
INDEX_COLUMNS = ("corpus", "shard", "doc_id", "source_row", "url")


@dataclass(frozen=True)
class Coverage:
    """What the newest compaction of a corpus is good for now.

    Attributes:
        uri: The compaction's file, as a pattern that DuckDB reads; None where there is none.
        outdated: Shards whose rows in it no longer count.
        fresh: Files, likewise, that must be read beside it.
        stamps: The state of every shard's file that this was found with; empty where the folder had not changed.
        folder_stamp: The state of the folder, where its file system says.
    """

    uri: str | None
    outdated: tuple[str, ...]
    fresh: tuple[str, ...]
    stamps: Mapping[str, str]
    folder_stamp: str | None

    @property
    def is_current(self) -> bool:
        """Whether the compaction holds everything."""
        return self.uri is not None and not self.outdated and not self.fresh


@dataclass(frozen=True)
class Compaction:
    """A compaction's file.

    Attributes:
        uri: Where DuckDB finds it.
        folder_stamp: The state of the folder that it was made from, where that was known.
    """

    uri: str
    folder_stamp: str | None
    _metadata: Mapping[bytes, bytes]

    def stamps(self) -> dict[str, str]:
        """Return the state of every shard's file that it holds the rows of."""
        return json.loads(self._metadata[_STAMPS])


@dataclass(frozen=True)
class CompactionSummary:
    """What a compaction did: rows of each table written anew, and shards that had changed since the one before."""

    rows: Mapping[str, int]
    shards_changed: int


def coverage(lake: Lake, corpus: str, what: Compacted) -> Coverage:
    """Compare the newest compaction with the files that are there now.

    Where the folder has not changed since, nothing is listed: the answer then takes no longer for more shards.
    """
    newest = newest_compaction(lake, corpus, what)
    # Asked before the listing: what changes in between makes the next reader list again.
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
        if covered.get(shard) != stamp
    ]
    return Coverage(newest.uri if newest else None, outdated, tuple(fresh), stamps, folder_stamp)


def compact(lake: Lake, corpus: str) -> CompactionSummary:
    """Write a new compaction of each table of a corpus, taking from the one before what has not changed.

    Raises:
        LakeError: The lake cannot be read or written.
        duckdb.Error: A file of the lake is damaged; the message names it.
    """
    rows: dict[str, int] = {}
    changed: set[str] = set()
    for what in Compacted:
        before = coverage(lake, corpus, what)
        # A compaction made right after a change does not know the folder's time; the next one notes it.
        noted = not before.stamps or before.folder_stamp is None
        if (before.is_current and noted) or (before.uri is None and not before.fresh):
            continue
        changed |= {uri.rpartition("/")[2].removesuffix(what.suffix) for uri in before.fresh} | set(before.outdated)
        rows[what] = _write(lake, corpus, what, before)
    return CompactionSummary(rows, len(changed))


def _write(lake: Lake, corpus: str, what: Compacted, before: Coverage) -> int:
    # The stamps were taken before rows are read: a file put anew in between will be found changed, never covered.
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


def rows_query(what: Compacted, parts: Sequence[Coverage]) -> str:
    """Return a query for the rows of some corpora as they are now: what compactions cover, and the files beside them.

    Args:
        what: The table.
        parts: The coverage of each corpus.
    """
    # Files of an earlier release lack the columns that were added since; these read as null.
    queries = [_no_rows(what)] if _may_lack_columns(what) else []
    fresh: list[str] = []
    for part in parts:
        if part.uri is not None:
            query = f"SELECT * FROM {parquet_rows([part.uri])}"
            queries.append(f"{query} WHERE shard NOT IN {_tuple(part.outdated)}" if part.outdated else query)
        fresh += part.fresh
    if fresh:
        queries.append(_fresh_rows(what, fresh))
    return " UNION ALL BY NAME ".join(queries) or _no_rows(what)


def _may_lack_columns(what: Compacted) -> bool:
    return what in {table.value for table in ADDED_COLUMNS}


def _fresh_rows(what: Compacted, uris: Sequence[str]) -> str:
    if what is Compacted.DOCUMENT_INDEX:
        return f"SELECT {', '.join(INDEX_COLUMNS)} FROM {parquet_rows(uris)}"
    if what is not Compacted.MANIFESTS:
        # Looking for columns opens every file before the first row is read: only where they may differ.
        return f"SELECT * FROM {parquet_rows(uris, union_by_name=_may_lack_columns(what))}"
    # The path says which shard a manifest is of: .../{corpus}/manifests/{shard}.json
    columns = "{execution_id: 'VARCHAR', run_id: 'VARCHAR', created_at: 'VARCHAR'}"
    return (
        "SELECT split_part(filename, '/', -3) AS corpus, "
        "regexp_replace(split_part(filename, '/', -1), '[.]json$', '') AS shard, execution_id, run_id, created_at "
        f"FROM read_json({quoted_list(uris)}, columns = {columns}, filename = true, "
        "hive_partitioning = false)"
    )


def _no_rows(what: Compacted) -> str:
    if what is Compacted.MANIFESTS:
        types = dict.fromkeys(MANIFEST_COLUMNS, "VARCHAR")
    elif what is Compacted.DOCUMENT_INDEX:
        types = {name: duckdb_type(SCHEMAS[Table.DOCUMENTS].field(name).type) for name in INDEX_COLUMNS}
    else:
        types = {field.name: duckdb_type(field.type) for field in SCHEMAS[Table(what.value)]}
    return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {name}' for name, kind in types.items())} WHERE false"


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(map(quoted, texts))})"


def _stamps(lake: Lake, corpus: str, what: Compacted) -> dict[str, str]:
    stamps = lake.storage.list_stamps(f"{corpus}/{what.folder}")
    return {name.removesuffix(what.suffix): stamp for name, stamp in stamps.items() if name.endswith(what.suffix)}


def _generations(lake: Lake, corpus: str, what: Compacted) -> list[str]:
    """Return the compactions of a table, the newest last: their names begin with the time they were made."""
    names = lake.storage.list_files(f"{corpus}/{FOLDER}")
    return [name for name in names if name.rpartition("-")[0].rpartition("-")[0] == what]


def _next_stamp(lake: Lake, corpus: str, what: Compacted) -> int:
    """Return the time in nanoseconds, or what comes after the newest compaction's where the clock went backwards.

    A compaction that looked older than the one before would never be read, and every later call would write it again.
    """
    stamps = (int(name.rpartition("-")[0].rpartition("-")[2]) for name in _generations(lake, corpus, what))
    return max(time.time_ns(), max(stamps, default=0) + 1)


def newest_compaction(lake: Lake, corpus: str, what: Compacted) -> Compaction | None:
    """Return the newest compaction of a table, of this schema version; None where there is none."""
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
