"""The statistics against known values, against their properties, and against simulated chance."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.monitoring.drift.statistics import (
    COLLAPSE,
    chi_square_quantile,
    collapse_from,
    index_noise,
    level_noise,
    pooled,
    psi,
    rate_at,
    rate_noise,
    student_quantile,
)

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=20)


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [
        *((0.95, 1, 3.84146), (0.95, 10, 18.30704), (0.99, 19, 36.19087), (0.999, 4, 18.46683), (0.9999, 1, 15.13671)),
        (0.9999, 2, -2 * math.log(1e-4)),  # an exponential
    ],
)
def test_quantiles_of_chi_square_are_those_of_the_tables(probability: float, freedom: int, expected: float) -> None:
    assert chi_square_quantile(probability, freedom) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [
        *((0.975, 10, 2.22814), (0.9995, 11, 4.43698), (0.9995, 30, 3.64596), (0.9995, 3, 12.92398)),
        (0.99995, 1, math.tan(math.pi * 0.49995)),  # 6,366, of which the expansion in 1/freedom made 530
        (0.99995, 2, 0.9999 / math.sqrt(2 * 0.99995 * 0.00005)),  # 99.99
    ],
)
def test_quantiles_of_students_t_are_those_of_the_tables(probability: float, freedom: int, expected: float) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=2e-6)


@given(COUNTS)
def test_the_index_of_a_histogram_with_itself_is_nought(counts: list[int]) -> None:
    assert psi(counts, counts) == 0


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=2, max_size=20))
def test_the_index_is_symmetric_finite_and_never_negative(bins: list[tuple[int, int]]) -> None:
    one, other = [left for left, _ in bins], [right for _, right in bins]
    assert math.isfinite(psi(one, other))
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))


def test_the_index_of_large_samples_is_that_of_their_shares() -> None:
    expected = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert psi([600_000, 400_000], [500_000, 500_000]) == pytest.approx(expected, rel=1e-3)


@given(COUNTS, st.integers(1, 5000))
def test_pooled_bins_are_all_bins_in_order_and_expect_enough(counts: list[int], size: int) -> None:
    groups = pooled(counts, size)
    assert [number for group in groups for number in group] == list(range(len(counts)))
    enough = 5 * sum(counts) * (1 - 1e-9)
    for group, after in pairwise(groups):
        assert max(sum(counts[number] for number in group), counts[after[0]]) * size >= enough
        assert sum(counts[number] for number in group[:-1]) * size <= enough * (1 + 1e-6)


def test_rare_bins_are_not_pooled_with_a_frequent_one() -> None:
    assert pooled([0, 1, 0, 99], 40) == [[0, 1, 2], [3]]
    assert pooled([99, 0, 1, 0], 40) == [[0], [1, 2, 3]]


def draw(rng: random.Random, shares: list[float], size: int) -> list[int]:
    counts = [0] * len(shares)
    for number in rng.choices(range(len(shares)), shares, k=size):
        counts[number] += 1
    return counts


@pytest.mark.parametrize(("usual", "judged"), [(200, 200), (200, 40), (40, 200), (2000, 100)])
def test_chance_passes_the_noise_limit_of_the_index_as_rarely_as_was_asked(usual: int, judged: int) -> None:
    """At 1 %: five in 500 are expected, and 15 would be a chance of one in ten thousand."""
    rng = random.Random(5)
    shares = [0.3, 0.25, 0.2, 0.15, 0.1]
    passed = 0
    for _ in range(500):
        baseline = [draw(rng, shares, usual) for _ in range(12)]
        current = draw(rng, shares, judged)
        total = [sum(column) for column in zip(*baseline, strict=True)]
        passed += psi(current, total) > index_noise(judged, baseline).limit(0.01)
    assert passed < 15


def test_shards_that_differ_among_themselves_raise_the_noise_limit() -> None:
    steady = [[100, 100, 100] for _ in range(12)]
    swinging = [[100 + 40 * (-1) ** number, 100, 100 - 40 * (-1) ** number] for number in range(12)]
    assert index_noise(300, swinging).limit(1e-4) > 3 * index_noise(300, steady).limit(1e-4)


def rate_limits(baseline: list[tuple[int, int]], trials: int, probability: float) -> tuple[float, float, float]:
    noise = rate_noise(baseline, trials)
    low, high = noise.limits(probability)
    return rate_at(low, trials), rate_at(noise.centre, trials), rate_at(high, trials)


@pytest.mark.parametrize(("rate", "trials"), [(0.1, 300), (0.003, 300), (0.003, 30), (0.5, 20)])
def test_chance_passes_the_limits_of_a_rate_as_rarely_as_was_asked(rate: float, trials: int) -> None:
    """At 1 % in all; rare events on small shards are where a normal approximation would alarm at the first one."""
    rng = random.Random(6)

    def events(number: int) -> int:
        return sum(rng.random() < rate for _ in range(number))

    passed = 0
    for _ in range(500):
        low, _, high = rate_limits([(events(trials), trials) for _ in range(12)], trials, 0.01)
        passed += not low <= events(trials) / trials <= high
    assert passed < 15


def test_the_limits_of_a_rate_close_in_on_a_larger_shard() -> None:
    baseline = [(30 + number % 3, 300) for number in range(12)]
    small, large = rate_limits(baseline, 30, 1e-4), rate_limits(baseline, 3000, 1e-4)
    assert small[0] < large[0] < large[1] < large[2] < small[2]
    assert large[1] == pytest.approx(0.103, abs=0.003)


def test_the_limits_of_a_level_hold_its_spread() -> None:
    baseline = [(0.25 * (1 + 0.01 * (number % 3 - 1)), 1e-5) for number in range(12)]
    noise = level_noise(baseline, 1e-5)
    low, high, expected = (math.exp(value) for value in (*noise.limits(1e-4), noise.centre))
    assert expected == pytest.approx(0.25, rel=0.005)
    assert 0.25 * 1.02 < high < 0.25 * 1.10
    assert low * high == pytest.approx(expected**2)
    assert math.exp(level_noise(baseline, 1e-2).limits(1e-4)[1]) > 0.25 * 1.3


def binomial_tail(rate: float, trials: int, events: int) -> float:
    numbers = range(events, trials + 1)
    return sum(math.comb(trials, number) * rate**number * (1 - rate) ** (trials - number) for number in numbers)


@pytest.mark.parametrize("rate", [0.0537, 0.2537, 0.4937, 0.7937, 0.9537])
@pytest.mark.parametrize("trials", [1, 3, 10, 40, 400, 10_000])
def test_a_sample_has_collapsed_exactly_where_the_binomial_says_so(rate: float, trials: int) -> None:
    """Of a large and steady baseline, the rate is known: what is left is the binomial's own tail."""
    million = 1_000_000
    limit = collapse_from([(rate * million, million)] * 12, trials, 1e-4)
    lowest = next(
        (
            events
            for events in range(math.ceil(trials * (rate + COLLAPSE * (1 - rate)) - 1e-6), trials + 1)
            if trials > 500 or binomial_tail(rate, trials, events) <= 1e-4
        ),
        None,
    )
    assert limit == (None if lowest is None else pytest.approx(lowest / trials))


def test_what_a_baseline_does_by_itself_is_no_collapse() -> None:
    """Where half the shards lose everything, one more that does is nothing new; in a steady baseline it is."""
    assert collapse_from([(200, 400), (400, 400)] * 6, 400, 1e-4) is None
    assert collapse_from([(295, 400), (305, 400)] * 6, 400, 1e-4) == pytest.approx(0.975, abs=0.005)


@pytest.mark.parametrize(("rate", "spread", "trials"), [(0.5, 0.0, 8), (0.8, 0.0, 30), (0.6, 0.15, 12)])
def test_chance_collapses_as_rarely_as_was_asked(rate: float, spread: float, trials: int) -> None:
    """At 1 %: five in 500 are expected, and 15 would be a chance of one in ten thousand."""
    rng = random.Random(7)

    def events(number: int) -> int:
        own = min(0.98, max(0.02, rng.gauss(rate, spread)))
        return sum(rng.random() < own for _ in range(number))

    passed = 0
    for _ in range(500):
        limit = collapse_from([(events(40), 40) for _ in range(30)], trials, 0.01)
        passed += limit is not None and events(trials) / trials >= limit
    assert passed < 15
