"""Opening the catalog in memory: a DuckDB connection in which every table of the lake is a view.

Belongs here: connections and their limits.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from prox_assets.catalog.views import compacted_views
from prox_assets.lake.lake import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def open_catalog(
    lake: Lake, corpora: Sequence[str] | None = None, only: Collection[str] | None = None
) -> Iterator["DuckDBPyConnection"]:
    """Give a connection with the lake's views; use `connection.sql(query, params=[...])`, which returns a relation.

    Views look at the lake as it is when a query runs; corpora and tables that appear later need a new catalog.

    Args:
        lake: The lake, local or on an object store.
        corpora: Corpora that the views cover; all by default.
        only: Names of the views that are wanted, if not all: with many shards, each view costs a listing.
    """
    with duckdb.connect() as connection:
        # Nothing is ever fetched: what DuckDB needs is in its wheel.
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        connection.execute("SET TimeZone = 'UTC'")
        # Names in a query are views, never Python variables of the code that happens to run it.
        connection.execute("SET python_enable_replacements = false")
        if not lake.storage.is_local:
            # DuckDB's own client is an extension, and would take other credentials than the lake.
            connection.register_filesystem(lake.storage.fs)
        for statement in compacted_views(lake, lake.corpora() if corpora is None else corpora, only):
            connection.execute(statement)
        yield connection
