"""Refinement by site and by document length, over the latest shards of a corpus.

These need a row per document; history.py covers what the metrics of shards can answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from prox_assets.catalog.sites import site
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, Table

# Upper ends of the bins of raw length, in characters; the last one is open.
LENGTHS = (250, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000)
# With fewer documents, a site's retention says little.
FEWEST_DOCUMENTS = 5
NO_ADDRESS = "(no address)"


@dataclass(frozen=True)
class Part:
    """Documents that have something in common."""

    name: str
    documents: int
    kept: int
    characters_before: int
    characters_after: int

    @property
    def retention(self) -> float:
        """Characters after / characters before."""
        return self.characters_after / self.characters_before if self.characters_before else 0.0


def _totals() -> list[pl.Expr]:
    kept = pl.col("outcome").is_in([outcome.value for outcome in KEPT_OUTCOMES])
    return [
        pl.len().alias("documents"),
        kept.sum().alias("kept"),
        pl.col("characters_before").sum(),
        pl.col("characters_after").sum(),
    ]


def by_site(lake: Lake, corpus: str, shards: Sequence[str], count: int = 12) -> tuple[list[Part], list[Part]]:
    """Return the sites with most text, and those with the lowest retention (of at least FEWEST_DOCUMENTS documents)."""
    outcomes = lake.scan(corpus, Table.OUTCOMES, shards).select(
        "doc_id", "outcome", "characters_before", "characters_after"
    )
    sites = (
        lake.scan(corpus, Table.DOCUMENTS, shards)
        .select("doc_id", name=site().fill_null(NO_ADDRESS))
        .join(outcomes, on="doc_id")
        .group_by("name")
        .agg(_totals())
    )
    largest = sites.sort("characters_before", "name", descending=[True, False]).head(count)
    poorest = (
        sites.filter((pl.col("documents") >= FEWEST_DOCUMENTS) & (pl.col("name") != NO_ADDRESS))
        .sort(pl.col("characters_after") / pl.col("characters_before"), "name")
        .head(count)
    )
    first, second = pl.collect_all([largest, poorest], engine="streaming")
    return _parts(first), _parts(second)


def by_length(lake: Lake, corpus: str, shards: Sequence[str]) -> list[Part]:
    """Return the documents by raw length, shortest first; empty bins are left out."""
    labels = [f"up to {LENGTHS[0]:,}", *[f"up to {end:,}" for end in LENGTHS[1:]], f"over {LENGTHS[-1]:,}"]
    frame = (
        lake.scan(corpus, Table.OUTCOMES, shards)
        .with_columns(
            bin=pl.sum_horizontal([(pl.col("characters_before") > end).cast(pl.Int32) for end in LENGTHS]),
        )
        .group_by("bin")
        .agg(_totals())
        .sort("bin")
        .collect(engine="streaming")
    )
    return _parts(
        frame.with_columns(name=pl.col("bin").replace_strict(dict(enumerate(labels)), return_dtype=pl.String))
    )


def _parts(frame: pl.DataFrame) -> list[Part]:
    columns = ("name", "documents", "kept", "characters_before", "characters_after")
    return [Part(**{name: row[name] for name in columns}) for row in frame.iter_rows(named=True)]
