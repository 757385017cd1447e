"""Shards as the lake lists them, with what was last measured on each."""

from typing import TYPE_CHECKING

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
        shard, url (of the raw file), documents_in, documents_out, retention, measured_at (null where nothing
        was measured).
    """
    query = """
        SELECT s.shard, s.url, documents_in, documents_out,
            characters_out / nullif(characters_in, 0) AS retention, measured_at
        FROM (SELECT * FROM shards WHERE corpus = ? AND shard > ? AND contains(lower(shard), lower(?))) s
        LEFT JOIN (SELECT * FROM shard_metrics WHERE corpus = ?) m USING (shard)
        ORDER BY s.shard LIMIT ?
    """
    return con.sql(query, params=[corpus, after, piece, corpus, limit]).pl()


def corpora_over_the_same_files(con: "DuckDBPyConnection", corpus: str) -> list[str]:
    """Return the other corpora that have a shard of the same name from the same raw file."""
    query = """
        SELECT DISTINCT b.corpus FROM shards a JOIN shards b
            ON a.shard = b.shard AND a.url IS NOT DISTINCT FROM b.url
        WHERE a.corpus = ? AND b.corpus <> ? ORDER BY 1
    """
    return [name for (name,) in con.sql(query, params=[corpus, corpus]).fetchall()]


def shards_that_may_hold(
    con: "DuckDBPyConnection", corpus: str, outcomes: tuple[Outcome, ...] = (), edited: bool | None = None
) -> list[tuple[str, int | None]]:
    """Return the shards that may hold certain documents, by name, each with how many it holds according to its metrics.

    Args:
        con: A catalog with the views of TABLES.
        corpus: The corpus.
        outcomes: The outcomes; any if empty.
        edited: Whether documents are wanted in which something was changed (or was not); None for either.

    Returns:
        (shard, documents); None where the metrics cannot say, because they are missing or of an earlier execution.
    """
    if edited and not outcomes:
        # Operations count in documents that were dropped by chunks, too.
        outcomes = (Outcome.KEPT_EDITED, Outcome.DROPPED_BY_CHUNKS, Outcome.QUARANTINED)
    unexecuted = "WHEN e.shard IS NULL THEN 0" if outcomes else ""
    query = f"""
        SELECT * FROM (
            SELECT s.shard, CASE {unexecuted}
                WHEN m.execution_id = e.execution_id THEN {" + ".join(outcomes) or "documents_in"} END AS documents
            FROM (SELECT shard FROM shards WHERE corpus = ?) s
            LEFT JOIN (SELECT * FROM shard_metrics WHERE corpus = ?) m USING (shard)
            LEFT JOIN (SELECT * FROM manifests WHERE corpus = ?) e USING (shard)
        ) WHERE documents IS NULL OR documents > 0 ORDER BY shard
    """
    return con.sql(query, params=[corpus, corpus, corpus]).fetchall()
