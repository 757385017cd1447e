"""Paired bootstrap over sites, and over seeds and sites: is one system better than another, or only lucky?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
SHARE = 0.95
# Resamples that are drawn at once: enough for a fast matrix product, and 8 MB for a thousand sites.
_AT_ONCE = 1000


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
    sizes = np.array([counts[site] for site in totals], dtype=float)
    low, high = ratio_interval(sums, sizes, seed)
    return Difference(float(sums.sum() / sizes.sum()), low, high)


def ratio_interval(
    parts: Sequence[float] | np.ndarray, wholes: Sequence[float] | np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of a sum of parts over a sum of wholes, one of each by site, when sites are drawn again.

    Args:
        parts: Shape (sites,).
        wholes: Shape (sites,); above 0.
        seed: Seed of the resamples.
    """
    ratios = resampled_means(np.asarray(parts, float)[None, None], np.asarray(wholes, float), seed)[0]
    low, high = np.quantile(ratios, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)


def resampled_means(sums: np.ndarray, weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return weighted means of several differences, each over resamples of seeds and of sites together.

    Each resample draws sites, with all that was measured on them, and independently of them seeds, with all that they
    did on every site (crossed, or pigeonhole, bootstrap: Owen 2007, Annals of Applied Statistics 1, 386; Davison,
    Hinkley 1997, section 3.8). Of S seeds it draws S - 1, which makes the variance of a mean over few seeds come out
    right (Rao, Wu 1988, JASA 83, 231): drawing three of three would lose a third of it. A single seed is drawn every
    time. All differences share their draws.

    Args:
        sums: Sums of paired differences, shape (differences, seeds, sites).
        weights: What the sums are divided by, the same for every seed, shape (sites,).
        seed: Seed of the draws.

    Returns:
        Means of the resamples, shape (differences, RESAMPLES).
    """
    differences, seeds, sites = sums.shape
    of_sites, of_seeds = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    by_site = np.ascontiguousarray(sums.reshape(differences * seeds, sites).T)
    means = np.empty((differences, RESAMPLES))
    for start in range(0, RESAMPLES, _AT_ONCE):
        rows = min(_AT_ONCE, RESAMPLES - start)
        times = _times_drawn(of_sites, rows, sites, sites)
        by_seed = (times @ by_site).reshape(rows, differences, seeds) / (times @ weights)[:, None, None]
        drawn = max(1, seeds - 1)
        shares = _times_drawn(of_seeds, rows, drawn, seeds) / drawn
        means[:, start : start + rows] = np.einsum("rds,rs->dr", by_seed, shares)
    return means


def _times_drawn(rng: np.random.Generator, rows: int, draws: int, among: int) -> np.ndarray:
    """Return how often each of so many things is drawn in each row, shape (rows, among)."""
    drawn = rng.integers(among, size=(rows, draws)) + among * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * among).reshape(rows, among).astype(float)
