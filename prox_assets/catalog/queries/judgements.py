"""What people say about refined documents. The view `judgements` shows each person's latest on each document."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from prox_assets.catalog.queries.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection


def judgements(
    con: "DuckDBPyConnection", scope: Scope = EVERYTHING, before: datetime | None = None, limit: int | None = None
) -> "pl.DataFrame":
    """Return the judgements that count, the newest first.

    Args:
        con: A catalog with the view `judgements`.
        scope: What to look at; it may name corpora and shards.
        before: Only those made before this time.
        limit: Maximum number of rows; None for all.

    Returns:
        The columns of `judgements`.
    """
    condition, parameters = scope.of_documents()
    if before is not None:
        condition += " AND judged_at < ?"
        parameters.append(before)
    query = f"FROM judgements WHERE {condition} ORDER BY judged_at DESC, doc_id LIMIT ?"
    return con.sql(query, params=[*parameters, limit]).pl()


def judgements_on(con: "DuckDBPyConnection", corpus: str, doc_ids: Sequence[str]) -> "pl.DataFrame":
    """Return the judgements on some documents, the newest first."""
    query = "FROM judgements WHERE corpus = ? AND list_contains(?::VARCHAR[], doc_id) ORDER BY judged_at DESC"
    return con.sql(query, params=[corpus, list(doc_ids)]).pl()


def judgement_counts(con: "DuckDBPyConnection", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return how the judgements on each refiner are distributed.

    Returns:
        corpus, doc_refiner, chunk_refiner (fingerprints), judgement, documents, judges, share (of the documents that
        were judged under the same refiners); most first.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH counted AS (
            SELECT corpus, doc_refiner, chunk_refiner, judgement, count(DISTINCT doc_id) AS documents,
                count(DISTINCT judge) AS judges
            FROM judgements WHERE {condition} GROUP BY ALL
        )
        SELECT *, documents / sum(documents) OVER (PARTITION BY corpus, doc_refiner, chunk_refiner) AS share
        FROM counted ORDER BY corpus, documents DESC, judgement
    """
    return con.sql(query, params=parameters).pl()
