"""The measurements of shards over time, and the configurations behind them.

`shard_metrics_history` has a row for every measurement; a shard that was refined or measured again has several.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from prox_assets.catalog.queries.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection


def measurements(con: "DuckDBPyConnection", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return the rows of `shard_metrics_history`, oldest first; shards measured at the same time in order of key."""
    condition, parameters = scope.of_metrics()
    query = f"FROM shard_metrics_history WHERE {condition} ORDER BY measured_at, shard"
    return con.sql(query, params=parameters).pl()


def first_measured(con: "DuckDBPyConnection") -> dict[str, datetime]:
    """Return when each shard was measured first; the view needs only the columns of FIRST_MEASURED_COLUMNS."""
    return dict(con.sql("SELECT shard, min(measured_at) FROM shard_metrics_history GROUP BY shard").fetchall())


FIRST_MEASURED_COLUMNS = ("shard", "measured_at")


def configurations(con: "DuckDBPyConnection", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return the configurations with which shards were measured, most recently used first.

    Returns:
        doc_refiner, chunk_refiner, execution_fingerprint (fingerprints), code_version, shards (whose latest measurement
        has this configuration), measurements (superseded ones included), runs (that measured, newest first), first,
        last (times of the first and last measurement), name (of the refiners; null only where an earlier release, which
        did not note it, made the measurements, and every policy of these refiners has been overwritten since).
    """
    condition, parameters = scope.of_metrics()
    query = f"""
        WITH measured AS (
            SELECT *, row_number() OVER (PARTITION BY corpus, shard ORDER BY measured_at DESC) = 1 AS is_latest
            FROM shard_metrics_history WHERE {condition}
        ), policy AS (
            SELECT corpus, shard, execution_id, json_extract_string(configuration, '$.refiners.name') AS configured
            FROM policies
        ), runs AS (
            SELECT doc_refiner, chunk_refiner, execution_fingerprint, code_version, run_id,
                count(*) AS measurements, count(*) FILTER (is_latest) AS shards, min(measured_at) AS first,
                max(measured_at) AS last, arg_max(coalesce(refiners, configured), measured_at) AS name
            FROM measured LEFT JOIN policy USING (corpus, shard, execution_id) GROUP BY ALL
        ), used AS (
            SELECT doc_refiner, chunk_refiner, execution_fingerprint, code_version,
                CAST(sum(shards) AS BIGINT) AS shards, CAST(sum(measurements) AS BIGINT) AS measurements,
                list(run_id ORDER BY last DESC, run_id) AS runs, min(first) AS first, max(last) AS last,
                arg_max(name, last) AS name
            FROM runs GROUP BY ALL
        )
        -- An execution under another policy has the same refiners, and so their name.
        SELECT * REPLACE (coalesce(name, max(name) OVER (PARTITION BY doc_refiner, chunk_refiner)) AS name) FROM used
        ORDER BY last DESC, execution_fingerprint
    """
    return con.sql(query, params=parameters).pl()
