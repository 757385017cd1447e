"""The paired bootstrap: its mean by hand, its interval against the normal approximation, sites drawn as a whole."""

import numpy as np
import pytest

from prox_assets.training.evaluation.bootstrap import paired_difference


def test_the_mean_is_over_pages_and_pairs_them():
    scores, others = {"a": 0.9, "b": 0.5, "c": 0.4}, {"a": 0.8, "b": 0.5, "c": 0.1}
    found = paired_difference(scores, others, {"a": "one", "b": "two", "c": "two"})
    assert found.mean == pytest.approx((0.1 + 0.0 + 0.3) / 3)
    assert found.low <= found.mean <= found.high


def test_the_interval_is_that_of_the_normal_approximation_where_sites_are_many():
    rng = np.random.default_rng(1)
    names = [str(number) for number in range(400)]
    scores = dict(zip(names, rng.normal(0.02, 0.1, 400).tolist(), strict=True))
    found = paired_difference(scores, dict.fromkeys(names, 0.0), {name: name for name in names})
    error = np.std([*scores.values()]) / 20
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.002)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.002)


def test_pages_of_one_site_are_drawn_together():
    rng = np.random.default_rng(2)
    by_site = rng.normal(0, 0.1, 40)
    scores = {f"{site}/{page}": float(by_site[site]) for site in range(40) for page in range(25)}
    zero = dict.fromkeys(scores, 0.0)
    alone = paired_difference(scores, zero, {name: name for name in scores})
    together = paired_difference(scores, zero, {name: name.partition("/")[0] for name in scores})
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_equal_systems_do_not_differ_and_other_pages_are_refused():
    scores = {"a": 0.5, "b": 0.7}
    found = paired_difference(scores, scores, {"a": "x", "b": "y"})
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="same pages"):
        paired_difference(scores, {"a": 0.5}, {"a": "x", "b": "y"})
