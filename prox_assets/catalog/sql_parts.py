"""Helpers for writing SQL: literals and type names.

Values in queries are parameters. Literals are for paths and names inside views, which cannot have parameters.
"""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa


def quoted(text: str) -> str:
    """Return a string literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_list(texts: Sequence[str]) -> str:
    """Return a list of string literals."""
    return f"[{', '.join(map(quoted, texts))}]"


def one_of(column: str, values: Iterable[str]) -> str:
    """Return the condition that a column has one of the given values; nothing fulfils it without values."""
    literals = ", ".join(quoted(str(value)) for value in values)
    return f"{column} IN ({literals})" if literals else "false"


def no_rows(types: Mapping[str, str]) -> str:
    """Return the query for an empty result with columns of the given types."""
    return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {name}' for name, kind in types.items())} WHERE false"


def parquet_rows(patterns: Sequence[str], columns: Mapping[str, str] | None = None) -> str:
    """Return the table function that reads Parquet files.

    Args:
        patterns: Patterns that match the files (see places.py).
        columns: The columns and their types, where files may lack some, which then read as null; by default those of
            the first file. `union_by_name` would do, too, but opens every file before the first row is read, and holds
            70 KB of memory for each: 3 GB for the metrics of 50,000 shards.
    """
    schema = ""
    if columns is not None:
        entries = (
            f"{quoted(name)}: {{'name': {quoted(name)}, 'type': {quoted(kind)}, 'default_value': NULL}}"
            for name, kind in columns.items()
        )
        schema = f", schema = MAP {{{', '.join(entries)}}}"
    # By default, DuckDB would read a folder above the lake named `corpus=web` as a column.
    return f"read_parquet({quoted_list(patterns)}, hive_partitioning = false{schema})"


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
    """Return DuckDB's name for a column type of the lake."""
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{field.name} {duckdb_type(field.type)}' for field in kind)})"
    return _TYPES[kind]
