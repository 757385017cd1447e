"""Formulas, against values worked out by hand."""

import pytest

from prox_assets.training.evaluation.measures import BinaryCounts, calibration_error, reliability, word_f1


def test_word_f1_counts_each_word_as_often_as_both_have_it():
    assert word_f1("a b b c", "b b d") == pytest.approx(2 * 2 / 7)
    assert word_f1("Same, words!", "same WORDS") == 1.0
    assert word_f1("", "") == 1.0
    assert word_f1("a", "") == 0.0


def test_counts_give_f1():
    counts = BinaryCounts()
    for decided, true in [(True, True), (True, True), (True, False), (False, True), (False, False)]:
        counts.add(decided, true)
    assert (counts.hits, counts.false_alarms, counts.misses) == (2, 1, 1)
    assert counts.f1 == pytest.approx(2 / 3)
    assert BinaryCounts().f1 == 1.0


def test_reliability_compares_probabilities_with_what_came_true():
    bins = reliability([(0.1, False), (0.15, True), (0.9, True), (1.0, True)])
    assert [(entry.low, entry.count, entry.share_true) for entry in bins] == [(0.1, 2, 0.5), (0.9, 2, 1.0)]
    assert calibration_error(bins) == pytest.approx((2 * abs(0.125 - 0.5) + 2 * abs(0.95 - 1.0)) / 4)
    assert calibration_error([]) == 0.0
