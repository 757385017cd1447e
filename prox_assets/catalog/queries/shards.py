"""The shards of a corpus as they were last listed."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def gone_shards(con: "DuckDBPyConnection") -> list[tuple[str, datetime]]:
    """Return the shards whose file has left the source, each with the time (UTC) of the listing that first missed it.

    The view needs only the columns of GONE_COLUMNS.
    """
    query = "SELECT shard, gone_since FROM shards WHERE gone_since IS NOT NULL ORDER BY gone_since, shard"
    return con.sql(query).fetchall()


GONE_COLUMNS = ("shard", "gone_since")
