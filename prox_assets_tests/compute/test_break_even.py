"""What a raw learning curve says about refining, and what it leaves open."""

import math

import pytest

from prox_assets.compute.break_even import RawNeeds, cost_ratio, raw_needs, tokens_to_reach

LOSSES = [(100, 4.0), (200, 3.0), (400, 2.5)]


def test_a_score_between_two_points_is_interpolated_in_the_logarithm_of_tokens():
    assert tokens_to_reach(LOSSES, 3.5, lower_is_better=True) == pytest.approx(math.sqrt(100 * 200))
    assert tokens_to_reach(LOSSES[::-1], 2.5, lower_is_better=True) == pytest.approx(400)
    rising = [(tokens, -loss) for tokens, loss in LOSSES]
    assert tokens_to_reach(rising, -2.75, lower_is_better=False) == pytest.approx(math.sqrt(200 * 400))


def test_a_dip_counts_where_the_curve_first_reaches_the_score():
    assert tokens_to_reach([(1, 3.0), (2, 2.0), (4, 2.6), (8, 1.0)], 2.0, lower_is_better=True) == pytest.approx(2)


def test_nothing_is_extrapolated():
    assert tokens_to_reach(LOSSES, 2.4, lower_is_better=True) is None
    assert tokens_to_reach(LOSSES, 9.0, lower_is_better=True) is None
    assert tokens_to_reach(LOSSES[:1], 4.5, lower_is_better=True) is None
    assert tokens_to_reach([], 4.0, lower_is_better=True) is None


@pytest.mark.parametrize(
    ("score", "break_even", "wanted"),
    [
        (2.5, 250, RawNeeds(400, "exact", pays=True)),
        (2.5, 350, RawNeeds(400, "exact", pays=False)),
        (2.0, 250, RawNeeds(400, "more", pays=True)),
        (2.0, 350, RawNeeds(400, "more", pays=None)),
        (4.5, 250, RawNeeds(100, "less", pays=False)),
        (4.5, -50, RawNeeds(100, "less", pays=None)),
    ],
)
def test_refining_pays_or_does_not_or_nobody_knows(score, break_even, wanted):
    found = raw_needs(LOSSES, score, 100, break_even, lower_is_better=True)
    assert (found.bound, found.pays) == (wanted.bound, wanted.pays)
    assert found.tokens == pytest.approx(wanted.tokens)


def test_a_training_that_costs_nothing_has_no_share():
    with pytest.raises(ValueError, match="costs something"):
        cost_ratio(1, 0)
