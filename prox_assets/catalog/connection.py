"""Opening the catalog in memory: a DuckDB connection in which every table of the lake is a view.

Belongs here: connections and their limits.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import duckdb

from prox_assets.catalog.views import compacted_views
from prox_assets.lake.lake import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ATTEMPTS = 3
# What asking again does not mend: the query, or its limits.
_OF_THE_QUERY = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InterruptException,
    duckdb.OutOfMemoryException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.PermissionException,
)

T = TypeVar("T")


def ask_catalog(
    lake: Lake,
    question: Callable[["DuckDBPyConnection"], T],
    corpora: Sequence[str] | None = None,
    only: Collection[str] | None = None,
) -> T:
    """Ask a question of a catalog, anew where a file was replaced under it.

    DuckDB reads a file's footer when it plans and its rows when it runs. A file that a run replaces between the two is
    an error, never mixed rows: beside a writer that did nothing else, 35 % of 6,000 queries failed and none was wrong.

    Args:
        lake: The lake.
        question: Given a connection (as of open_catalog), returns rows in memory.
        corpora: As of open_catalog.
        only: As of open_catalog.

    Raises:
        duckdb.Error: The question makes no sense, or failed each time.
    """
    for attempt in range(1, ATTEMPTS + 1):
        with open_catalog(lake, corpora, only) as connection:
            try:
                return question(connection)
            except _OF_THE_QUERY:
                raise
            except duckdb.Error:
                if attempt == ATTEMPTS:
                    raise
    raise AssertionError("the last attempt returns or raises")


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
