"""What is measured of clean prose that a refiner removes."""

import pytest

from benchmarks.support.reference_refiners import ScoringReference
from prox_assets.programs import ExecutionPolicy
from prox_assets.training.evaluation.evaluate import NO_FLOOR, measure_damage
from prox_assets.training.evaluation.table import damage_table
from prox_assets_tests.training.synthetic_pages import labelled_page

POLICY = ExecutionPolicy(dialect="line-labels", line_keep_threshold=0.5, **NO_FLOOR)
PAGES = [
    labelled_page(page_id="a", site="a", page_type="article", gold="kept kept\nlost"),
    labelled_page(page_id="b", site="b", page_type="article", gold="kept kept kept kept"),
    labelled_page(page_id="c", site="b", page_type="documentation", gold="kept\nlost"),
    labelled_page(page_id="d", site="c", page_type="forum", gold="lost\nkept"),
    labelled_page(page_id="e", site="d", page_type="article", gold=" \n"),
]


def test_damage_is_the_share_of_prose_that_is_removed_with_an_interval_over_sites():
    found = measure_damage(
        ScoringReference(lambda text: [0.0 if line == "lost" else 1.0 for line in text.split("\n")]), PAGES, POLICY
    )
    assert (found.texts, found.damaged) == (3, 2)
    assert found.removed == pytest.approx(8 / 36)
    # Either site by itself: four of 12 characters, and four of 24.
    assert (found.low, found.high) == pytest.approx((4 / 24, 4 / 12))
    assert "| x | 22.22 % | 16.67 to 33.33 % | 2 of 3 |" in damage_table({"x": found})


def test_nothing_removed_and_nothing_shown_are_no_damage():
    keeps = ScoringReference(lambda text: [1.0] * len(text.split("\n")))
    whole = measure_damage(keeps, PAGES, POLICY)
    assert (whole.removed, whole.low, whole.high, whole.texts, whole.damaged) == (0, 0, 0, 3, 0)
    assert measure_damage(keeps, PAGES[3:], POLICY).texts == 0
