"""Paired bootstrap over sites: whether one system is better than another, or only lucky with these pages."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference with its 95 % interval.

    Attributes:
        mean: Mean over pages of the system's score minus the other's.
        low: Lower end of the interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


def paired_difference(
    scores: Mapping[str, float], others: Mapping[str, float], sites: Mapping[str, str], seed: int = 0
) -> Difference:
    """Return by how much one system's scores exceed another's on the same pages.

    Sites are drawn with replacement, each with all of its pages, because pages of one site are alike (paired bootstrap:
    Efron, Tibshirani 1993, section 8; clusters: Davison, Hinkley 1997, section 3.8). The interval is that of the
    percentiles.

    Args:
        scores: Score by page.
        others: The other system's score by page; the same pages.
        sites: Site by page.
        seed: Seed of the resamples.

    Raises:
        ValueError: The pages differ, or there are none.
    """
    if scores.keys() != others.keys() or not scores:
        raise ValueError("a paired comparison needs the same pages on both sides, and at least one")
    totals: dict[str, float] = {}
    counts: dict[str, int] = {}
    for page, score in scores.items():
        site = sites[page]
        totals[site] = totals.get(site, 0.0) + score - others[page]
        counts[site] = counts.get(site, 0) + 1
    sums = np.array([totals[site] for site in totals])
    sizes = np.array([counts[site] for site in totals])
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.quantile(means, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Difference(float(sums.sum() / sizes.sum()), float(low), float(high))
