"""The SQL of the catalog's views: one per table of the lake with the same name, one of manifests, one of document ids.

Rows of EXECUTION_TABLES count only if the shard's manifest names their execution. Views of these tables therefore show
only published executions, and a reader never sees two executions mixed. A table without any files becomes an empty view
with the right columns.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

from prox_assets.catalog.compaction import Compacted, Coverage, coverage, rows_query
from prox_assets.catalog.places import lasting_pattern, pattern
from prox_assets.catalog.sql_parts import duckdb_type, parquet_rows
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, SCHEMAS, Table


def compacted_views(lake: Lake, corpora: Sequence[str], only: Collection[str] | None = None) -> Iterator[str]:
    """Yield statements that create the views, which read from compactions where possible.

    What each compaction covers is decided now, so these views suit a connection that lives for one query.

    Args:
        lake: The lake.
        corpora: Corpora that the views cover.
        only: Names of the views to create; all by default. Each view costs a listing of its files.
    """
    if only is not None and not set(EXECUTION_TABLES).isdisjoint(only):
        only = {*only, Compacted.MANIFESTS}
    for what in Compacted:
        if only is None or what in only:
            parts = [coverage(lake, corpus, what) for corpus in corpora]
            yield f"CREATE OR REPLACE VIEW {what} AS {rows_query(what, parts)}"
    yield from _shard_views(lake, corpora, pattern, only)


def live_views(lake: Lake, corpora: Sequence[str]) -> Iterator[str]:
    """Yield statements that create all views over the files that exist when a query runs, for a catalog file.

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
    """Yield the views of tables that are never compacted, because they are as large as the corpus."""
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
