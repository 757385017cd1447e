"""How large a paired difference is, and how sure: interval, p-value, and the effect that the design can detect."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from prox_assets.training.evaluation.bootstrap import RESAMPLES, SHARE, resampled_means

POWER = 0.8
"""The share of experiments that would find an effect of the detectable size."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean difference with its 95 % interval.

    Attributes:
        mean: The mean over seeds of the differences' sum by the weights' sum.
        low: Lower end of the interval.
        high: Upper end.
        p: Two-sided p-value of no difference.
        detectable: The difference that such a design finds in four of five experiments.
    """

    mean: float
    low: float
    high: float
    p: float
    detectable: float


def intervals(sums: np.ndarray, weights: np.ndarray, seed: int = 0) -> list[Interval]:
    """Return the interval of each of several paired differences on the same evaluation set.

    The interval is that of the percentiles over resamples of seeds and sites together, and the p-value is the smallest
    level whose interval excludes zero (Davison, Hinkley 1997, sections 3.8, 5.3.1; paired and clustered evaluation of
    language models: Miller, arXiv 2411.00640, sections 2.2 and 4.2). With three seeds, no percentile lies beyond the
    best and the worst of them, so that one interval in four would miss. Deviations of the resamples are therefore
    widened as those of a t distribution are wider than those of a normal one (Hesterberg 2015, American Statistician
    69, 371, section 4.3.2, who moves the percentiles instead), with the degrees of freedom that variances of seeds and
    of sites leave together (Satterthwaite 1946, Biometrics Bulletin 2, 110).

    The detectable effect is (t(1 - 0.05/2) + t(0.8)) standard errors of the bootstrap, at the same degrees of freedom
    (Bloom 1995, Evaluation Review 19, 547).

    Args:
        sums: Sums of paired differences by seed and site, shape (differences, seeds, sites).
        weights: What the sums are divided by, shape (sites,).
        seed: Seed of the resamples.

    Raises:
        ValueError: There is only one site.
    """
    if len(weights) < 2:
        raise ValueError("an interval needs at least two sites")
    means = sums.sum(2).mean(1) / weights.sum()
    deviations = resampled_means(sums, weights, seed) - means[:, None]
    freedom = _degrees_of_freedom(sums, weights, means)
    level = (1 - SHARE) / 2
    ends = stats.t.isf(level, freedom)
    widened = means[:, None] + deviations * (ends / stats.norm.isf(level))[:, None]
    low, high = np.quantile(widened, [level, 1 - level], axis=1)
    # One is added so that no p-value is zero (Davison, Hinkley 1997, section 4.2.3).
    beyond = np.minimum((widened <= 0).sum(1), (widened >= 0).sum(1))
    p = np.minimum(1.0, 2 * (beyond + 1) / (RESAMPLES + 1))
    detectable = (ends + stats.t.ppf(POWER, freedom)) * deviations.std(1)
    return [Interval(*map(float, row)) for row in zip(means, low, high, p, detectable, strict=True)]


def _degrees_of_freedom(sums: np.ndarray, weights: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the degrees of freedom of the standard errors, by Satterthwaite's formula, shape (differences,)."""
    seeds, sites = sums.shape[1:]
    residuals = sums.mean(1) - means[:, None] * weights
    of_sites = (residuals**2).sum(1) * sites / (sites - 1) / weights.sum() ** 2
    of_seeds = (sums.sum(2) / weights.sum()).var(1, ddof=1) / seeds if seeds > 1 else np.zeros(len(sums))
    together = of_sites**2 / (sites - 1) + of_seeds**2 / max(1, seeds - 1)
    # Without any variance there is nothing to widen.
    return np.divide((of_sites + of_seeds) ** 2, together, out=np.full(len(sums), 1e9), where=together > 0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65).

    The smallest of m is multiplied by m, the next by m - 1, and so on, and none falls below the one before it. Where
    those of at most 0.05 are called differences, the chance of a single false one is at most 5 %.
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
