"""The catalog's views: one for each table of the lake, named as the table, one of manifests, one of document ids.

Belongs here: the SQL of the views. Not here: connections (connection.py), questions (queries).

The rows of EXECUTION_TABLES count only where their shard's manifest names their execution, so every view of these
tables keeps the rows of published executions alone: a reader never sees two executions mixed. A table of which no
corpus has a file yet becomes an empty view with the right columns.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

from prox_assets.catalog.compaction import Compacted, Coverage, coverage, rows_query
from prox_assets.catalog.places import lasting_pattern, pattern
from prox_assets.catalog.sql import duckdb_type, parquet_rows
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, SCHEMAS, Table


def compacted_views(lake: Lake, corpora: Sequence[str], only: Collection[str] | None = None) -> Iterator[str]:
    """Yield statements that make the views, fast ones where there are compactions.

    What each compaction covers is decided now: the views are for a connection that lives as long as a question.

    Args:
        lake: The lake.
        corpora: Corpora that the views cover.
        only: Names of the views that are wanted, if not all: making one costs a listing of its files.
    """
    if only is not None and not set(EXECUTION_TABLES).isdisjoint(only):
        only = {*only, Compacted.MANIFESTS}
    for what in Compacted:
        if only is None or what in only:
            parts = [coverage(lake, corpus, what) for corpus in corpora]
            yield f"CREATE OR REPLACE VIEW {what} AS {rows_query(what, parts)}"
    yield from _shard_views(lake, corpora, pattern, only)


def live_views(lake: Lake, corpora: Sequence[str]) -> Iterator[str]:
    """Yield statements that make all views over whatever files there are when a query runs: for a file that stays.

    Raises:
        LakeError: DuckDB has no pattern for the lake's path.
    """
    for what in Compacted:
        with_files = [
            corpus
            for corpus in corpora
            if any(name.endswith(what.suffix) for name in lake.storage.list_files(f"{corpus}/{what.folder}"))
        ]
        globs = tuple(f"{lasting_pattern(lake, f'{corpus}/{what.folder}')}/*{what.suffix}" for corpus in with_files)
        yield f"CREATE OR REPLACE VIEW {what} AS {rows_query(what, [Coverage(None, (), globs, {}, None)])}"
    yield from _shard_views(lake, corpora, lasting_pattern)


def _shard_views(
    lake: Lake, corpora: Sequence[str], place: Callable[[Lake, str], str], only: Collection[str] | None = None
) -> Iterator[str]:
    """Yield the views of tables that are never put together: they are as large as the corpus."""
    compacted = {what.value for what in Compacted}
    for table in Table:
        if table not in compacted and (only is None or table in only):
            yield f"CREATE OR REPLACE VIEW {table} AS {_rows(lake, table, corpora, place)}"


def _rows(lake: Lake, table: Table, corpora: Sequence[str], place: Callable[[Lake, str], str]) -> str:
    globs = [f"{place(lake, f'{corpus}/{table}')}/*.parquet" for corpus in corpora if lake.shards(corpus, table)]
    if not globs:
        columns = ", ".join(f"CAST(NULL AS {duckdb_type(field.type)}) AS {field.name}" for field in SCHEMAS[table])
        return f"SELECT {columns} WHERE false"
    rows = f"SELECT * FROM {parquet_rows(globs)}"
    if table in EXECUTION_TABLES:
        rows += f" WHERE execution_id IN (SELECT execution_id FROM {Compacted.MANIFESTS})"
    return rows
