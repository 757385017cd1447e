"""Runs a user's query safely: one SELECT over the lake's views, and nothing else.

DuckDB itself enforces this: its parser tells the kind of statement, its file system is confined to the lake, and
extensions and settings are locked.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from prox_assets.catalog.connection import ask_catalog
from prox_assets.catalog.places import duckdb_root
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import glob_literal

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


# Keyed by the start of DuckDB's message: Arrow's reader raises errors after the first rows as OSError.
_LATE_ERRORS: dict[str, type[duckdb.Error]] = {
    "Conversion": duckdb.ConversionException,
    "INTERRUPT": duckdb.InterruptException,
    "Invalid Input": duckdb.InvalidInputException,
    "Out of Memory": duckdb.OutOfMemoryException,
    "Out of Range": duckdb.OutOfRangeException,
    "Permission": duckdb.PermissionException,
}


class QueryError(Exception):
    """A query that was refused, failed, or ran into a limit."""


@dataclass(frozen=True)
class QueryLimits:
    """Limits of a query.

    Attributes:
        memory: DuckDB's memory limit, e.g. "2GB"; nothing is spilled to disk.
        seconds: Time limit in seconds.
        rows: Maximum rows in the result; exceeding it is an error rather than a silent cut.
    """

    memory: str = "2GB"
    seconds: float = 60.0
    rows: int = 1_000_000


def run_select(lake: Lake, query: str, limits: QueryLimits = QueryLimits()) -> "pa.Table":
    """Run one SELECT over the lake's views; return its rows.

    Raises:
        QueryError: The query is not one SELECT, wants a file outside the lake, fails, or exceeds a limit.
        LakeError: The lake has no corpus.
    """
    if not lake.corpora():
        raise LakeError(f"the lake {lake.url} has no corpus yet; `prox refine` creates one")

    def answer(connection: "DuckDBPyConnection") -> "pa.Table":
        _refuse_unless_select(connection, query)
        _lock(connection, lake, limits)
        with _deadline(connection, limits.seconds):
            return _rows(connection, query, limits)

    try:
        return ask_catalog(lake, answer)
    except duckdb.InterruptException as error:
        raise QueryError(f"the query took longer than {limits.seconds:g} seconds") from error
    except duckdb.OutOfMemoryException as error:
        raise QueryError(f"the query needs more than {limits.memory} of memory: {error}") from error
    except duckdb.PermissionException as error:
        raise QueryError(f"a query may read the lake and nothing else: {error}") from error
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _refuse_unless_select(connection: "DuckDBPyConnection", query: str) -> None:
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    if len(statements) != 1:
        raise QueryError(f"one SELECT is run at a time; this is {len(statements)} statements")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = str(statements[0].type).rpartition(".")[2]
        raise QueryError(f"only SELECT is run (and FROM, WITH, DESCRIBE, SUMMARIZE); this is {kind}")


def _lock(connection: "DuckDBPyConnection", lake: Lake, limits: QueryLimits) -> None:
    """Confine the connection to the lake permanently: settings cannot be changed afterwards."""
    connection.execute("SET memory_limit = ?", [limits.memory])
    # With no spill folder, the memory limit is hard, and nothing is written to disk.
    connection.execute("SET temp_directory = ''")
    root = duckdb_root(lake)
    # Both the pattern in the query and the file that it matches must be allowed.
    connection.execute("SET allowed_directories = ?", [sorted({f"{root}/", f"{glob_literal(root)}/"})])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _rows(connection: "DuckDBPyConnection", query: str, limits: QueryLimits) -> "pa.Table":
    import pyarrow as pa

    reader = connection.sql(query).to_arrow_reader(10_000)
    batches: list[pa.RecordBatch] = []
    count = 0
    try:
        for batch in reader:
            count += batch.num_rows
            if count > limits.rows:
                raise QueryError(f"the result has more than {limits.rows:,} rows; add a LIMIT, or raise --rows")
            batches.append(batch)
    except OSError as error:
        raise _LATE_ERRORS.get(str(error).partition(" Error: ")[0], duckdb.IOException)(str(error)) from error
    return pa.Table.from_batches(batches, schema=reader.schema)


@contextmanager
def _deadline(connection: "DuckDBPyConnection", seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
