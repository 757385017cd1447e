"""Intervals and p-values on simulated experiments whose effect is known, Holm by hand, and scipy as an oracle."""

import numpy as np
import pytest
from scipy import stats

from prox_assets.proof.statistics.intervals import Interval, holm, intervals

EXPERIMENTS = 400


def simulated(seeds: int, sites: int, noise: tuple[float, float, float], effect: float, number: int) -> list[Interval]:
    """Return the intervals of experiments that differ in luck alone.

    Args:
        seeds: Seeds of an experiment.
        sites: Its sites.
        noise: Standard deviations of seeds, of sites, and of each seed on each site.
        effect: The true difference.
        number: Seed of the simulation.
    """
    rng = np.random.default_rng(number)
    weights = rng.integers(1, 4, sites).astype(float)
    of_seeds = rng.normal(0, noise[0], (EXPERIMENTS, seeds, 1))
    of_sites = rng.normal(0, noise[1], (EXPERIMENTS, 1, sites))
    of_both = rng.normal(0, noise[2], (EXPERIMENTS, seeds, sites))
    return intervals((effect + of_seeds + of_sites + of_both) * weights, weights, number)


@pytest.mark.parametrize(
    ("seeds", "sites", "noise"),
    [
        (3, 200, (0.0, 1.0, 0.1)),  # sites decide, as with n-gram models
        (3, 200, (0.07, 1.0, 0.3)),  # both
        (3, 200, (0.2, 0.1, 0.1)),  # seeds decide: their percentiles alone would miss one time in four
        (5, 30, (0.1, 1.0, 0.3)),
    ],
)
def test_intervals_hold_the_true_difference_and_equal_arms_seldom_differ(seeds, sites, noise):
    """Of 400 experiments 5 % may miss: 20, and by the binomial distribution nearly always between 7 and 34."""
    found = simulated(seeds, sites, noise, 0.4, 1)
    assert 0.915 <= np.mean([entry.low <= 0.4 <= entry.high for entry in found]) <= 0.985
    equal = simulated(seeds, sites, noise, 0.0, 2)
    assert 0.015 <= np.mean([entry.p <= 0.05 for entry in equal]) <= 0.085
    # The p-value and the interval say the same, but for ends that lie between two resamples.
    clear = [entry for entry in equal if abs(entry.p - 0.05) > 0.001]
    assert [entry.p <= 0.05 for entry in clear] == [entry.low > 0 or entry.high < 0 for entry in clear]


def test_an_effect_of_the_detectable_size_is_found_four_times_of_five():
    noise = (0.03, 1.0, 0.1)
    size = float(np.mean([entry.detectable for entry in simulated(3, 100, noise, 0.0, 3)]))
    assert np.mean([entry.p <= 0.05 for entry in simulated(3, 100, noise, size, 4)]) == pytest.approx(0.8, abs=0.07)


def test_with_one_seed_and_many_sites_the_p_value_is_near_that_of_a_t_test():
    rng = np.random.default_rng(6)
    differences = rng.normal(0.15, 1, 300)
    [found] = intervals(differences[None, None], np.ones(300))
    mean, error = float(differences.mean()), float(stats.sem(differences))
    assert found.mean == pytest.approx(mean)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean / error), 299), abs=0.01)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 299, mean, error), abs=0.012)


def test_what_does_not_differ_has_no_interval_and_what_differs_everywhere_a_small_p():
    same, better = intervals(np.stack([np.zeros((3, 20)), np.full((3, 20), 0.5)]), np.ones(20))
    assert (same.low, same.high, same.p) == (0, 0, 1)
    assert (better.low, better.high) == pytest.approx((0.5, 0.5))
    assert better.p < 0.001
    with pytest.raises(ValueError, match="two sites"):
        intervals(np.ones((1, 3, 1)), np.ones(1))


def test_holm_by_hand():
    # Sorted: .005 * 4 = .02, .01 * 3 = .03, .03 * 2 = .06, .04 * 1 = .04, which may not fall below .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
