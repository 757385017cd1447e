"""Counts over shards: documents, tokens, retention, outcomes, operations; by shard, corpus, refiner or day.

`shard_metrics` answers them all, without opening a shard.
"""

from typing import TYPE_CHECKING, Literal

from prox_assets.catalog.queries.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

Grouping = Literal["shard", "corpus", "refiner", "day"]

_KEYS: dict[Grouping, tuple[str, ...]] = {
    "shard": ("corpus", "shard"),
    "corpus": ("corpus",),
    "refiner": ("doc_refiner", "chunk_refiner"),
    "day": ("corpus", "CAST(measured_at AS DATE) AS day"),
}


_SUMMED = (
    "documents_in",
    "documents_out",
    "kept_unchanged",
    "kept_edited",
    "dropped_by_document",
    "dropped_by_chunks",
    "quarantined",
    "rows_rejected",
    "characters_in",
    "characters_out",
)
_TOKENS = ("tokens_in", "tokens_out")

COUNTED_COLUMNS = (
    "corpus",
    "shard",
    "doc_refiner",
    "chunk_refiner",
    "measured_at",
    *_SUMMED,
    *_TOKENS,
    "operations",
)
"""The columns that `totals` and `operations` need: a fraction of the metrics, and in files since the first release."""


def _keys(by: Grouping) -> tuple[str, str]:
    columns = _KEYS[by]
    return ", ".join(columns), ", ".join(column.rpartition(" ")[2] for column in columns)


def _source(by: Grouping) -> str:
    """Days count every measurement; the other groupings count each shard once, with its latest measurement."""
    return "shard_metrics_history" if by == "day" else "shard_metrics"


def totals(con: "DuckDBPyConnection", by: Grouping = "corpus", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return documents, tokens, retention and outcomes.

    Args:
        con: A catalog.
        by: What a row stands for; `day` counts every measurement made on a day (UTC), the others each shard's latest.
        scope: What to count.

    Returns:
        The keys (corpus, shard | corpus | doc_refiner, chunk_refiner | corpus, day), then shards, documents_in,
        documents_out, each outcome, rows_rejected, characters_in, characters_out, tokens_in, tokens_out (null if any
        shard lacks token counts), retention, token_retention, drop_rate (shares in [0, 1]).
    """
    selected, keys = _keys(by)
    condition, parameters = scope.of_metrics()
    sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMMED)
    # A sum over only some of the shards would look like the total.
    tokens = ", ".join(
        f"CAST(CASE WHEN count({name}) = count(*) THEN sum({name}) END AS BIGINT) AS {name}" for name in _TOKENS
    )
    query = f"""
        WITH counted AS (
            SELECT {selected}, count(*) AS shards, {sums}, {tokens}
            FROM {_source(by)} WHERE {condition} GROUP BY ALL
        )
        SELECT *,
            characters_out / nullif(characters_in, 0) AS retention,
            tokens_out / nullif(tokens_in, 0) AS token_retention,
            (dropped_by_document + dropped_by_chunks) / nullif(documents_in, 0) AS drop_rate
        FROM counted ORDER BY {keys}
    """
    return con.sql(query, params=parameters).pl()


def operations(con: "DuckDBPyConnection", by: Grouping = "corpus", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return the number of operations of each kind and status.

    Returns:
        The keys, then operation, status, count, share (of all operations under the same keys).
    """
    selected, keys = _keys(by)
    condition, parameters = scope.of_metrics()
    query = f"""
        WITH single AS (
            SELECT {selected}, unnest(operations) AS entry FROM {_source(by)} WHERE {condition}
        ), counted AS (
            SELECT {keys}, entry.operation AS operation, entry.status AS status,
                CAST(sum(entry.count) AS BIGINT) AS count
            FROM single GROUP BY ALL
        )
        SELECT *, count / sum(count) OVER (PARTITION BY {keys}) AS share
        FROM counted ORDER BY {keys}, count DESC, operation, status
    """
    return con.sql(query, params=parameters).pl()
