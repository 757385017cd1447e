"""Opening the catalog in memory: a DuckDB connection in which every table of the lake is a view.

Belongs here: connections and their limits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from prox_assets.catalog.views import view_statements
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def open_catalog(
    lake: Lake, corpora: Sequence[str] | None = None, tables: Sequence[Table] = tuple(Table)
) -> Iterator["DuckDBPyConnection"]:
    """Give a connection with the lake's views; use `connection.sql(query, params=[...])`, which returns a relation.

    Views look at the lake as it is when a query runs; corpora and tables that appear later need a new catalog.

    Args:
        lake: The lake, local or on an object store.
        corpora: Corpora that the views cover; all by default.
        tables: Tables to make views of.
    """
    with duckdb.connect() as connection:
        # Nothing is ever fetched: what DuckDB needs is in its wheel.
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        connection.execute("SET TimeZone = 'UTC'")
        if not lake.storage.is_local:
            # DuckDB's own client is an extension, and would take other credentials than the lake.
            connection.register_filesystem(lake.storage.fs)
        for statement in view_statements(lake, lake.corpora() if corpora is None else corpora, tables):
            connection.execute(statement)
        yield connection
