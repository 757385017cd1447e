"""The statistics of drift: how far two distributions, rates or levels are apart, and how far chance may move them.

Belongs here: formulas over plain numbers, with their sources. Not here: what the numbers mean (drift_measures.py) and
which of them matter (drift_settings.py).

Every noise limit has two parts: what sampling alone explains, which shrinks with the shard, and what the baseline's
shards differ by beyond that, which does not. Both are estimated from the baseline; neither is a setting.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, variance

# Added to each bin: the Jeffreys prior of a multinomial. Keeps the logarithm of an empty bin finite.
SMOOTHING = 0.5
# Cochran (1954): a chi-square approximation wants about five expected in a cell.
MIN_EXPECTED = 5.0


def psi(current: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the population stability index of two histograms over the same bins, 0 for equal shares.

    sum((p - q) * ln(p / q)) over the bins' shares (Siddiqi, Credit Risk Scorecards, 2006), which is the symmetric
    Kullback-Leibler divergence; bins are smoothed by SMOOTHING.
    """
    bins = len(current)
    now, before = sum(current) + SMOOTHING * bins, sum(baseline) + SMOOTHING * bins
    total = 0.0
    for left, right in zip(current, baseline, strict=True):
        p, q = (left + SMOOTHING) / now, (right + SMOOTHING) / before
        total += (p - q) * math.log(p / q)
    return total


def psi_noise(current_size: float, baseline: Sequence[Sequence[float]], probability: float) -> float:
    """Return the index that chance exceeds with a probability, given what the baseline's own shards show.

    Of two samples of n and m from one distribution over B bins, PSI / (1/n + 1/m) is chi-square with B - 1 degrees of
    freedom (Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020). What the baseline's shards show beyond
    that, each against the others, comes from real differences between them; these lie in few directions (one site, one
    language), so that part is taken to vary in a single one, and as Student's t squared, for it was estimated from few.

    Args:
        current_size: Size of the judged sample.
        baseline: One histogram per shard, over the bins that are compared.
        probability: Of being exceeded by chance.
    """
    freedom = max(1, len(baseline[0]) - 1)
    total = [sum(column) for column in zip(*baseline, strict=True)]
    size = sum(total)
    excess, weights = [], []
    for shard in baseline:
        others = [everything - own for everything, own in zip(total, shard, strict=True)]
        own_size, other_size = sum(shard), sum(others)
        if own_size and other_size:
            chance = 1 / own_size + 1 / other_size
            excess.append(psi(shard, others) - freedom * chance)
            weights.append(chance**-2)  # the variance of the index goes with the square of its mean
    between = max(0.0, sum(w * e for w, e in zip(weights, excess, strict=True)) / sum(weights)) if excess else 0.0
    _, student = _criticals(probability, len(baseline))
    sampling = 1 / max(current_size, 1) + 1 / max(size, 1)
    return sampling * chi_square_quantile(1 - probability, freedom) + between * student**2


def pooled(baseline: Sequence[float], current_size: float) -> list[list[int]]:
    """Return groups of neighbouring bins that expect MIN_EXPECTED each of a sample; the last may expect fewer.

    Args:
        baseline: The baseline's histogram.
        current_size: Size of the judged sample.
    """
    size = sum(baseline)
    groups: list[list[int]] = [[]]
    expected = 0.0
    for number, count in enumerate(baseline):
        if expected >= MIN_EXPECTED:
            groups.append([])
            expected = 0.0
        groups[-1].append(number)
        expected += count / size * current_size if size else 0.0
    return groups


def rate_limits(
    baseline: Sequence[tuple[float, float]], current_trials: float, probability: float
) -> tuple[float, float, float]:
    """Return (lower limit, expected, upper limit) of a rate, given the baseline's shards.

    Rates are compared as arcsin(sqrt((k + 3/8) / (n + 3/4))), whose variance is 1 / (4n) whatever the rate (Anscombe,
    Biometrika 35, 1948): rare events on small shards do not alarm, as they would if the binomial were taken for a
    normal. The spread of the baseline's shards beyond 1 / (4n) is added, with Student's t as it was estimated from few.

    Args:
        baseline: (events, trials) of every shard.
        current_trials: Trials of the judged sample.
        probability: That chance alone leaves the limits, at either side.
    """
    angles = [(_angle(events, trials), 1 / (4 * trials + 2)) for events, trials in baseline]
    centre, spread = _limits(angles, 1 / (4 * current_trials + 2), probability)
    low, high = max(0.0, centre - spread), min(math.pi / 2, centre + spread)
    return math.sin(low) ** 2, math.sin(centre) ** 2, math.sin(high) ** 2


def level_limits(
    baseline: Sequence[tuple[float, float]], current_variance: float, probability: float
) -> tuple[float, float, float]:
    """Return (lower limit, expected, upper limit) of a positive level, e.g. tokens per character.

    Logarithms are compared, with the sampling error of each shard and the spread of the baseline's shards beyond it.

    Args:
        baseline: (level, sampling variance of its logarithm) of every shard.
        current_variance: Sampling variance of the judged sample's logarithm.
        probability: That chance alone leaves the limits, at either side.
    """
    centre, spread = _limits([(math.log(level), own) for level, own in baseline], current_variance, probability)
    return math.exp(centre - spread), math.exp(centre), math.exp(centre + spread)


def _limits(
    baseline: Sequence[tuple[float, float]], current_variance: float, probability: float
) -> tuple[float, float]:
    """Return the centre of the baseline's (value, sampling variance) and how far chance may leave it."""
    between = max(0.0, variance(value for value, _ in baseline) - fmean(own for _, own in baseline))
    # Shards count by what they tell: a small one is noise.
    weights = [1 / (between + own) for _, own in baseline]
    centre = sum(w * value for w, (value, _) in zip(weights, baseline, strict=True)) / sum(weights)
    normal, student = _criticals(probability, len(baseline))
    return centre, math.sqrt(normal**2 * (current_variance + 1 / sum(weights)) + student**2 * between)


def _angle(events: float, trials: float) -> float:
    return math.asin(math.sqrt(min(1.0, (events + 3 / 8) / (trials + 3 / 4))))


def _criticals(probability: float, shards: int) -> tuple[float, float]:
    """Return the two-sided critical values of the normal and of Student's t with shards - 1 degrees of freedom."""
    normal = NormalDist().inv_cdf(1 - probability / 2)
    return normal, student_quantile(1 - probability / 2, shards - 1)


def chi_square_quantile(probability: float, freedom: int) -> float:
    """Return a quantile of chi-square, exact."""
    from scipy import special  # 0.3 s, which every Dagster process would pay

    return float(special.chdtri(freedom, 1 - probability))


def student_quantile(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t, exact: of one or two degrees of freedom it is far from a normal's."""
    from scipy import special

    return float(special.stdtrit(freedom, probability))
