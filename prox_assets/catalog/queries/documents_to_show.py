"""Documents that show a reader what refinement does."""

from typing import TYPE_CHECKING

import polars as pl

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.lake.schemas import Outcome

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def documents_to_show(
    con: "DuckDBPyConnection", edited: int, most_removed: int = 0, dropped: int = 0
) -> dict[DocumentPlace, str]:
    """Choose documents, each with the reason for showing it; asking again gives the same ones.

    Args:
        con: A catalog.
        edited: Edited documents around the median removal: the biggest are oddities, and the smallest say little.
        most_removed: Edited documents that lost most.
        dropped: Dropped documents of either level.
    """
    outcomes = con.sql(
        "SELECT corpus, shard, doc_id, source_row, outcome, characters_before - characters_after AS removed "
        "FROM outcomes ORDER BY removed, doc_id"
    ).pl()
    kept = outcomes.filter(pl.col("outcome") == Outcome.KEPT_EDITED.value)
    parts = [
        (kept.slice(max(0, kept.height // 2 - edited // 2), edited), "edited, about as much as usual"),
        (kept.tail(most_removed), "edited, among those that lost most"),
    ]
    for outcome, why in (
        (Outcome.DROPPED_BY_DOCUMENT, "dropped as a document"),
        (Outcome.DROPPED_BY_CHUNKS, "dropped: nothing worth keeping was left"),
    ):
        # An id is a hash, so the smallest ids are a random sample.
        lost = outcomes.filter((pl.col("outcome") == outcome.value) & (pl.col("removed") > 0)).sort("doc_id")
        parts.append((lost.head(dropped), why))
    chosen: dict[DocumentPlace, str] = {}
    for frame, why in parts:
        for row in frame.select("corpus", "shard", "doc_id", "source_row").iter_rows():
            chosen.setdefault(DocumentPlace(*row), why)
    return chosen
