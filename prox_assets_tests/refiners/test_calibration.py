"""Calibration keeps the order of probabilities, and does not overflow."""

import math

from hypothesis import given
from hypothesis import strategies as st

from prox_assets.refiners.calibration import Calibration, sigmoid
from prox_assets.refiners.model.scoring import keep_probability

calibrations = st.builds(Calibration, slope=st.floats(0.01, 100), offset=st.floats(-50, 50))
log_probabilities = st.floats(max_value=0, allow_nan=False)


@given(calibrations, st.floats(0, 1), st.floats(0, 1))
def test_the_order_of_probabilities_stays(calibration, first, second):
    lower, higher = sorted((first, second))
    assert 0 <= calibration.probability(lower) <= calibration.probability(higher) <= 1


@given(calibrations, log_probabilities, log_probabilities)
def test_log_odds_of_any_size_give_a_probability(calibration, keep, drop):
    plain = keep_probability(keep, drop)
    if plain is not None:
        probability = calibration.probability(plain)
        assert 0 <= probability <= 1
        if abs(keep - drop) > 1e6:
            assert probability == float(keep > drop)


@given(st.floats(allow_nan=False))
def test_sigmoid_is_symmetric(log_odds):
    assert sigmoid(log_odds) + sigmoid(-log_odds) == 1.0 or math.isclose(sigmoid(log_odds) + sigmoid(-log_odds), 1.0)


@given(st.floats(0.1, 10), st.floats(-3, 3), st.floats(0.001, 0.999))
def test_a_correction_can_be_taken_back(slope, offset, probability):
    calibration = Calibration(slope=slope, offset=offset)
    corrected = calibration.probability(probability)
    if 1e-9 < corrected < 1 - 1e-9:
        assert math.isclose(calibration.uncorrected(corrected), probability, rel_tol=1e-5)


@given(st.floats(0, 1))
def test_slope_one_and_offset_zero_change_nothing(probability):
    assert math.isclose(Calibration(slope=1.0).probability(probability), probability, abs_tol=1e-15)
