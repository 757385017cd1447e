"""The statistics of drift: how far two distributions, rates or levels are apart, and how far chance may move them.

These are formulas over plain numbers, with their sources. readings.py knows what the numbers mean, settings.py which
changes matter.

Every noise limit has two parts: what sampling alone explains, which shrinks as shards grow, and how much the baseline's
shards differ beyond that, which does not. Both are estimated from the baseline; neither is a setting.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, variance

# Added to each bin (the Jeffreys prior of a multinomial), so the logarithm of an empty bin stays finite.
SMOOTHING = 0.5
# Cochran (1954): a chi-square approximation needs about five expected counts in a cell.
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
    """Return the index that chance exceeds with the given probability, estimated from the baseline's own shards.

    For two samples of sizes n and m from one distribution over B bins, PSI / (1/n + 1/m) is chi-square with B - 1
    degrees of freedom (Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020). Whatever the baseline's
    shards show beyond that, each against the others, comes from real differences between them. These lie in few
    directions (one site, one language), so we model that part as varying in a single direction; and because it is
    estimated from few shards, as Student's t squared.

    Args:
        current_size: Size of the judged sample.
        baseline: One histogram per shard, over the bins that are compared.
        probability: Probability that chance exceeds the limit.
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
    """Return groups of neighbouring bins that each expect MIN_EXPECTED of a sample; the last may expect fewer.

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

    Rates are compared as arcsin(sqrt((k + 3/8) / (n + 3/4))), whose variance is 1 / (4n) for every rate (Anscombe,
    Biometrika 35, 1948). Rare events on small shards therefore raise no alarm, as they would if the binomial were
    approximated by a normal. The spread of the baseline's shards beyond 1 / (4n) is added, with Student's t because it
    is estimated from few shards.

    Args:
        baseline: (events, trials) of every shard.
        current_trials: Trials of the judged sample.
        probability: Probability that chance alone leaves the limits, on either side.
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
        probability: Probability that chance alone leaves the limits, on either side.
    """
    centre, spread = _limits([(math.log(level), own) for level, own in baseline], current_variance, probability)
    return math.exp(centre - spread), math.exp(centre), math.exp(centre + spread)


def _limits(
    baseline: Sequence[tuple[float, float]], current_variance: float, probability: float
) -> tuple[float, float]:
    """Return the centre of the baseline's (value, sampling variance) pairs and how far chance may move from it."""
    between = max(0.0, variance(value for value, _ in baseline) - fmean(own for _, own in baseline))
    # Weight shards by their precision: a small one is mostly noise.
    weights = [1 / (between + own) for _, own in baseline]
    centre = sum(w * value for w, (value, _) in zip(weights, baseline, strict=True)) / sum(weights)
    normal, student = _criticals(probability, len(baseline))
    return centre, math.sqrt(normal**2 * (current_variance + 1 / sum(weights)) + student**2 * between)


def _angle(events: float, trials: float) -> float:
    return math.asin(math.sqrt(min(1.0, (events + 3 / 8) / (trials + 3 / 4))))


def _criticals(probability: float, shards: int) -> tuple[float, float]:
    """Return the two-sided critical values of the normal and of Student's t with `shards - 1` degrees of freedom."""
    normal = NormalDist().inv_cdf(1 - probability / 2)
    return normal, student_quantile(1 - probability / 2, shards - 1)


def chi_square_quantile(probability: float, freedom: int) -> float:
    """Return an exact quantile of the chi-square distribution."""
    from scipy import special  # at module level, this import would cost every Dagster process 0.3 s

    return float(special.chdtri(freedom, 1 - probability))


def student_quantile(probability: float, freedom: int) -> float:
    """Return an exact quantile of Student's t, which is far from the normal's for one or two degrees of freedom."""
    from scipy import special

    return float(special.stdtrit(freedom, probability))
