"""Shards as the lake lists them, with what was last measured on each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prox_assets.lake.schemas import Outcome

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

TABLES = ("shards", "shard_metrics", "manifests")
# Without the metrics' later columns, which would make DuckDB open every file of a corpus that is not compacted.
COLUMNS = (
    "corpus",
    "shard",
    "url",
    "rows",
    "documents_in",
    "documents_out",
    *Outcome,
    "rows_rejected",
    "characters_in",
    "characters_out",
    "character_retention",
    "measured_at",
    "execution_id",
    "run_id",
    "created_at",
)


def listed_shards(
    con: "DuckDBPyConnection", corpus: str, piece: str = "", after: str = "", limit: int | None = None
) -> "pl.DataFrame":
    """Return shards by name, after a given one.

    Args:
        con: A catalog with the views of TABLES.
        corpus: The corpus.
        piece: What their names contain; case does not matter.
        after: The name after which to begin.
        limit: Maximum number of rows; None for all.

    Returns:
        shard, url (of the raw file), documents_in, documents_out, each outcome, character_retention, measured_at (null
        where nothing was measured), executed (whether an execution is published), measured (whether the metrics are of
        that execution).
    """
    query = f"""
        SELECT s.shard, s.url, documents_in, documents_out, {", ".join(Outcome)}, character_retention, measured_at,
            e.shard IS NOT NULL AS executed, coalesce(m.execution_id = e.execution_id, false) AS measured
        FROM (SELECT * FROM shards WHERE corpus = ? AND shard > ? AND contains(lower(shard), lower(?))) s
        LEFT JOIN (SELECT * FROM shard_metrics WHERE corpus = ?) m USING (shard)
        LEFT JOIN (SELECT * FROM manifests WHERE corpus = ?) e USING (shard)
        ORDER BY s.shard LIMIT ?
    """
    return con.sql(query, params=[corpus, after, piece, corpus, corpus, limit]).pl()


def may_hold(shard: Mapping[str, Any], outcomes: tuple[Outcome, ...], edited: bool | None) -> int | None:
    """Return how many documents of a shard have one of the outcomes, from its metrics; None where they cannot say.

    Args:
        shard: A row of `listed_shards`.
        outcomes: The outcomes; any if empty.
        edited: Whether documents are wanted in which something was changed (or was not); None for either.
    """
    if not shard["executed"] and outcomes:
        return 0
    if not shard["measured"]:
        return None
    if edited and not outcomes:
        # Operations count in documents that were dropped by chunks, too.
        outcomes = (Outcome.KEPT_EDITED, Outcome.DROPPED_BY_CHUNKS, Outcome.QUARANTINED)
    return sum(shard[outcome] for outcome in outcomes) if outcomes else shard["documents_in"]
