"""The statistics of drift: how far two distributions, rates or levels are apart, and how far chance may move them.

These are formulas over plain numbers, with their sources. readings.py knows what the numbers mean, settings.py which
changes matter.

Every noise limit has two parts: what sampling alone explains, which shrinks as shards grow, and how much the baseline's
shards differ beyond that, which does not. Both are estimated from the baseline; neither is a setting. These limits are
approximations, and for a small shard they can lie beyond anything it can show. `collapse_from` is exact: it says from
where on chance cannot explain that all, or nearly all, of a sample is alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np

# Added to each bin (the Jeffreys prior of a multinomial), so the logarithm of an empty bin stays finite.
SMOOTHING = 0.5
# Cochran (1954): a chi-square approximation needs about five expected counts in a cell.
MIN_EXPECTED = 5.0
# A rate collapses where it has gone nine tenths of the way from its baseline to 0 or 1.
COLLAPSE = 0.9

Array = np.ndarray[Any, Any]
Counts = Sequence[float] | Array
Pairs = Sequence[tuple[float, float]] | Array


def psi(current: Counts, baseline: Counts) -> float:
    """Return the population stability index of two histograms over the same bins, 0 for equal shares.

    sum((p - q) * ln(p / q)) over the bins' shares (Siddiqi, Credit Risk Scorecards, 2006), which is the symmetric
    Kullback-Leibler divergence; bins are smoothed by SMOOTHING.
    """
    return float(_psi(np.asarray(current, dtype=float), np.asarray(baseline, dtype=float)))


def _psi(current: Array, baseline: Array) -> Any:  # noqa: ANN401 - a number or an array
    """Return the index of histograms, or of two tables of them, row by row."""
    bins = current.shape[-1]
    p = (current + SMOOTHING) / (current.sum(axis=-1, keepdims=True) + SMOOTHING * bins)
    q = (baseline + SMOOTHING) / (baseline.sum(axis=-1, keepdims=True) + SMOOTHING * bins)
    return ((p - q) * np.log(p / q)).sum(axis=-1)


def _pearson(current: Array, baseline: Array) -> Array:
    """Return Pearson's chi-square per document, row by row: sum((p - q)^2 / q), near the index for small changes.

    By chance alone, its mean is the degrees of freedom at any size. The smoothed index's is less (0.70 of it for 40
    documents in twenty bins), so that real differences between small shards would pass for chance.
    """
    p = current / current.sum(axis=-1, keepdims=True)
    smoothed = baseline + SMOOTHING
    q = smoothed / smoothed.sum(axis=-1, keepdims=True)
    return ((p - q) ** 2 / q).sum(axis=-1)


@dataclass(frozen=True)
class IndexNoise:
    """How far chance may move a population stability index.

    For two samples of sizes n and m from one distribution over B bins, PSI / (1/n + 1/m) is chi-square with B - 1
    degrees of freedom (Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020). Whatever the baseline's
    shards show beyond that, each against the others, comes from real differences between them. These lie in few
    directions (one site, one language), so we model that part as varying in a single direction; and because it is
    estimated from few shards, as Student's t squared.

    Attributes:
        freedom: Degrees of freedom.
        sampling: 1/n + 1/m.
        between: Mean index of the baseline's shards that sampling does not explain.
        shards: Number of the baseline's shards.
    """

    freedom: int
    sampling: float
    between: float
    shards: int

    def limit(self, probability: float) -> float:
        """Return the index that chance exceeds with the given probability."""
        _, student = _criticals(probability, self.shards)
        return self.sampling * chi_square_quantile(1 - probability, self.freedom) + self.between * student**2


def index_noise(current_size: float, baseline: Sequence[Counts] | Array) -> IndexNoise:
    """Estimate, from the baseline's own shards, how far chance may move the index.

    Args:
        current_size: Size of the judged sample.
        baseline: One histogram per shard, over the bins that are compared.
    """
    shards = np.asarray(baseline, dtype=float)
    freedom = max(1, shards.shape[1] - 1)
    others = shards.sum(axis=0) - shards
    own_size, other_size = shards.sum(axis=1), others.sum(axis=1)
    told = (own_size > 0) & (other_size > 0)
    between = 0.0
    if told.any():
        chance = 1 / own_size[told] + 1 / other_size[told]
        excess = _pearson(shards[told], others[told]) - freedom * chance
        weights = chance**-2  # the variance of the index goes with the square of its mean
        between = max(0.0, float((weights * excess).sum() / weights.sum()))
    sampling = 1 / max(current_size, 1) + 1 / max(float(own_size.sum()), 1)
    return IndexNoise(freedom, sampling, between, len(shards))


def pooled(baseline: Counts, sample_size: float) -> list[list[int]]:
    """Return groups of neighbouring bins that each expect MIN_EXPECTED of a sample, where that is possible.

    A bin that expects enough by itself begins a group. The rare bins before it may then be too few, but they stay
    visible: where nearly all documents are kept whole, a sample that lost everything would otherwise look the same.

    Args:
        baseline: The baseline's histogram.
        sample_size: Size of the smallest sample that is binned.
    """
    size = sum(baseline)
    groups: list[list[int]] = [[]]
    expected = 0.0
    for number, count in enumerate(baseline):
        own = count / size * sample_size if size else 0.0
        if groups[-1] and max(expected, own) >= MIN_EXPECTED:
            groups.append([])
            expected = 0.0
        groups[-1].append(number)
        expected += own
    return groups


@dataclass(frozen=True)
class CentreNoise:
    """How far chance may move a value from the centre of its baseline, on a scale where errors are nearly normal.

    Attributes:
        centre: Mean of the baseline's shards, weighted by their precision.
        sampling_variance: Of the judged value and of the centre together.
        between: Variance of the baseline's shards that sampling does not explain.
        shards: Number of the baseline's shards.
    """

    centre: float
    sampling_variance: float
    between: float
    shards: int

    def limits(self, probability: float) -> tuple[float, float]:
        """Return the lower and upper limit that chance leaves with the given probability, on either side."""
        normal, student = _criticals(probability, self.shards)
        spread = math.sqrt(normal**2 * self.sampling_variance + student**2 * self.between)
        return self.centre - spread, self.centre + spread


def rate_noise(baseline: Pairs, current_trials: float) -> CentreNoise:
    """Estimate how far chance may move a rate, from the baseline's shards; as an angle (`rate_at`).

    Rates are compared as arcsin(sqrt((k + 3/8) / (n + 3/4))), whose variance is 1 / (4n) for every rate (Anscombe,
    Biometrika 35, 1948). Rare events on small shards therefore raise no alarm, as they would if the binomial were
    approximated by a normal. The spread of the baseline's shards beyond 1 / (4n) is added, with Student's t because it
    is estimated from few shards.

    Args:
        baseline: (events, trials) of every shard.
        current_trials: Trials of the judged sample.
    """
    events, trials = np.asarray(baseline, dtype=float).T
    angles = np.arcsin(np.sqrt(np.minimum(1.0, (events + 3 / 8) / (trials + 3 / 4))))
    return _centre_noise(angles, 1 / (4 * trials + 2), 1 / (4 * current_trials + 2))


def rate_at(angle: float, trials: float) -> float:
    """Return the rate whose angle this is, in so many trials; below 0 or above 1 where no rate has the angle."""
    if not 0 <= angle <= math.pi / 2:
        return math.copysign(math.inf, angle)
    return (math.sin(angle) ** 2 * (trials + 3 / 4) - 3 / 8) / trials


def level_noise(baseline: Pairs, current_variance: float) -> CentreNoise:
    """Estimate how far chance may move the logarithm of a positive level, e.g. tokens per character.

    Logarithms are compared, with the sampling error of each shard and the spread of the baseline's shards beyond it.

    Args:
        baseline: (level, sampling variance of its logarithm) of every shard.
        current_variance: Sampling variance of the judged sample's logarithm.
    """
    levels, variances = np.asarray(baseline, dtype=float).T
    return _centre_noise(np.log(levels), variances, current_variance)


def _centre_noise(values: Array, variances: Array, current_variance: float) -> CentreNoise:
    """Estimate the noise from the values of the baseline's shards and their sampling variances."""
    between = max(0.0, float(values.var(ddof=1) - variances.mean()))
    # Weight shards by their precision: a small one is mostly noise.
    weights = 1 / (between + variances)
    total = float(weights.sum())
    return CentreNoise(float((weights * values).sum()) / total, current_variance + 1 / total, between, len(values))


def collapse_from(baseline: Pairs, trials: float, probability: float) -> float | None:
    """Return the rate from which on a sample has collapsed to "all of them", beyond what chance explains.

    Chance is beta-binomial: a binomial whose rate varies between shards as the baseline's does, fitted by moments.
    Its tail is summed exactly, so the answer holds for a handful of trials as well.

    Args:
        baseline: (events, trials) of every shard.
        trials: Trials of the judged sample.
        probability: Probability that chance alone passes the rate.

    Returns:
        At least COLLAPSE of the way from the baseline's rate to 1; None if chance makes even all events of so few
        trials, or of a baseline that varies so much.
    """
    from scipy import special

    number = math.floor(trials)
    if number < 1:
        return None
    first, second, precision = _beta(baseline)
    lowest = math.ceil(number * (1 - (1 - COLLAPSE) * second / precision))
    events = np.arange(number, lowest - 1, -1)
    logarithm = (special.gammaln(number + 1) - special.gammaln(events + 1) - special.gammaln(number - events + 1)) + (
        special.betaln(events + first, number - events + second) - special.betaln(first, second)
    )
    rare = np.flatnonzero(np.cumsum(np.exp(logarithm)) <= probability)
    return float(events[rare[-1]] / number) if rare.size else None


def _beta(baseline: Pairs) -> tuple[float, float, float]:
    """Fit a beta distribution to the rates of a baseline's shards; return its two parameters and their sum.

    By moments, with weights by size (Kleinman, JASA 68, 1973). A spread between shards that chance explains, by the
    chi-square test of homogeneity at one in twenty, counts as none: with six small shards, chance alone would seem to
    allow anything.
    """
    events, trials = np.asarray(baseline, dtype=float).T
    # Without spread between shards, what is unknown is the one rate that they have in common: its Jeffreys posterior.
    precision = float(trials.sum()) + 2 * SMOOTHING
    rate = (float(events.sum()) + SMOOTHING) / precision
    weights = trials / trials.sum()
    spread = float((weights * (events / trials - rate) ** 2).sum()) / (rate * (1 - rate))
    total, sampling = float((weights * (1 - weights)).sum()), float((weights * (1 - weights) / trials).sum())
    if float(trials.sum()) * spread > chi_square_quantile(0.95, len(trials) - 1):
        correlation = min(1.0, max((spread - sampling) / max(total - sampling, 1e-9), 1e-9))
        precision = min(precision, max(1 / correlation - 1, 1e-3))
    return rate * precision, (1 - rate) * precision, precision


@lru_cache(maxsize=1024)
def _criticals(probability: float, shards: int) -> tuple[float, float]:
    """Return the two-sided critical values of the normal and of Student's t with `shards - 1` degrees of freedom."""
    normal = NormalDist().inv_cdf(1 - probability / 2)
    return normal, student_quantile(1 - probability / 2, shards - 1)


@lru_cache(maxsize=1024)
def chi_square_quantile(probability: float, freedom: int) -> float:
    """Return an exact quantile of the chi-square distribution."""
    from scipy import special  # at module level, this import would cost every Dagster process 0.3 s

    return float(special.chdtri(freedom, 1 - probability))


def student_quantile(probability: float, freedom: int) -> float:
    """Return an exact quantile of Student's t, which is far from the normal's for one or two degrees of freedom."""
    from scipy import special

    return float(special.stdtrit(freedom, probability))
