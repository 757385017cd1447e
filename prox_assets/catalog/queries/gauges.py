"""Sums over the latest measurement of each shard of a corpus, for monitoring systems; compacted tables answer them."""

from typing import TYPE_CHECKING, Any

from prox_assets.lake.schemas import Outcome

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SUMMED = (
    "documents_in",
    *(outcome.value for outcome in Outcome),
    "rows_rejected",
    "characters_in",
    "characters_out",
    "chunks",
    "chunks_skipped",
    "programs_truncated",
    "programs_looping",
    "doc_prompt_tokens",
    "chunk_prompt_tokens",
    "doc_completion_tokens",
    "chunk_completion_tokens",
    "doc_engine_seconds",
    "chunk_engine_seconds",
)
# Null for shards without a model, or of an earlier release: a sum over the others would look like the total.
_KNOWN_FOR_ALL = ("tokens_in", "tokens_out", "programs_failed", "documents_outside_training")

MEASURED_COLUMNS = ("shard", "execution_id", "measured_at", *_SUMMED, *_KNOWN_FOR_ALL)


def sums(con: "DuckDBPyConnection") -> dict[str, Any]:
    """Return the sums of a corpus; the view `shard_metrics` needs only MEASURED_COLUMNS.

    Returns:
        The name of each summed column with its sum (null if nothing is measured, or if any shard has none), `shards`
        and `last_measured` (a time in UTC, or null).
    """
    parts = [f"sum({name}) AS {name}" for name in _SUMMED]
    parts += [f"CASE WHEN count({name}) = count(*) THEN sum({name}) END AS {name}" for name in _KNOWN_FOR_ALL]
    query = f"SELECT count(*) AS shards, max(measured_at) AS last_measured, {', '.join(parts)} FROM shard_metrics"
    [row] = con.sql(query).pl().to_dicts()
    return row


def executed(con: "DuckDBPyConnection") -> dict[str, bool]:
    """Return the executed shards, each with whether its latest measurement is of the published execution.

    The views `manifests` and `shard_metrics` need only EXECUTED_COLUMNS.
    """
    query = """
        SELECT manifests.shard, bool_or(shard_metrics.execution_id IS NOT NULL)
        FROM manifests LEFT JOIN shard_metrics USING (corpus, shard, execution_id) GROUP BY ALL
    """
    return dict(con.sql(query).fetchall())


EXECUTED_COLUMNS = ("corpus", "shard", "execution_id")
