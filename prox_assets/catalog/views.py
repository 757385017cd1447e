"""The catalog's views: one for each table of the lake, named as the table.

Belongs here: the SQL of the views. Not here: connections (connection.py), questions (queries.py).

The refined, outcomes and edits of a shard count only where its manifest names their execution, so every view of these
tables keeps the rows of published executions alone: a reader never sees two executions mixed.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import ADDED_COLUMNS, EXECUTION_TABLES, SCHEMAS, Table

MANIFESTS = "manifests"
"""A view beside those of the tables: corpus, shard and execution_id of every published execution."""

MANIFEST_COLUMNS = ("corpus", "shard", "execution_id", "run_id", "created_at")


def view_statements(lake: Lake, corpora: Sequence[str]) -> Iterator[str]:
    """Yield the statements that make the views: manifests first, then one per table.

    A table of which no corpus has a file yet becomes an empty view with the right columns.

    Args:
        lake: The lake; DuckDB must be able to read its URIs.
        corpora: Corpora that the views cover.
    """
    yield f"CREATE OR REPLACE VIEW {MANIFESTS} AS {_manifests(lake, corpora)}"
    for table in Table:
        yield f"CREATE OR REPLACE VIEW {table} AS {_rows(lake, table, corpora)}"


def _manifests(lake: Lake, corpora: Sequence[str]) -> str:
    globs = [
        f"{_folder(lake, corpus, MANIFESTS)}/*.json"
        for corpus in corpora
        if any(name.endswith(".json") for name in lake.storage.list_files(f"{corpus}/{MANIFESTS}"))
    ]
    if not globs:
        nothing = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in MANIFEST_COLUMNS)
        return f"SELECT {nothing} WHERE false"
    columns = "{execution_id: 'VARCHAR', run_id: 'VARCHAR', created_at: 'VARCHAR'}"
    # The path says which shard it is: .../{corpus}/manifests/{shard}.json
    return (
        "SELECT split_part(filename, '/', -3) AS corpus, "
        "regexp_replace(split_part(filename, '/', -1), '[.]json$', '') AS shard, execution_id, run_id, created_at "
        f"FROM read_json({quoted_list(globs)}, columns = {columns}, filename = true)"
    )


def _rows(lake: Lake, table: Table, corpora: Sequence[str]) -> str:
    globs = [f"{_folder(lake, corpus, table)}/*.parquet" for corpus in corpora if lake.shards(corpus, table)]
    columns = ", ".join(f"CAST(NULL AS {duckdb_type(field.type)}) AS {field.name}" for field in SCHEMAS[table])
    nothing = f"SELECT {columns} WHERE false"
    if not globs:
        return nothing
    if table in ADDED_COLUMNS:  # files of an earlier release lack the columns that were added since
        files = f"SELECT * FROM read_parquet({quoted_list(globs)}, union_by_name = true)"
        return f"{nothing} UNION ALL BY NAME {files}"
    rows = f"SELECT * FROM read_parquet({quoted_list(globs)})"
    if table in EXECUTION_TABLES:
        rows += f" WHERE execution_id IN (SELECT execution_id FROM {MANIFESTS})"
    return rows


def _folder(lake: Lake, corpus: str, name: str) -> str:
    return lake.storage.uri(f"{corpus}/{name}")


def quoted(text: str) -> str:
    """Return a string literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_list(texts: Sequence[str]) -> str:
    """Return a list of string literals."""
    return f"[{', '.join(map(quoted, texts))}]"


_TYPES: dict[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}


def duckdb_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of a column type of the lake."""
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{field.name} {duckdb_type(field.type)}' for field in kind)})"
    return _TYPES[kind]
