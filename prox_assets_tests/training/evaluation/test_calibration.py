"""Fitting a calibration: it finds a distortion that was put in, for texts of any length, and does no harm."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.calibration import Calibration, calibrated_chunks, sigmoid
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms
from prox_assets.training.evaluation.calibration import MIN_TEXTS, Prediction, fit_calibration, line_predictions
from prox_assets.training.evaluation.evaluate import measure_chunks
from prox_assets.training.evaluation.measures import calibration_error, reliability
from prox_assets.training.evaluation.table import reliability_tables
from prox_assets_tests.training.synthetic_pages import labelled_page


def drawn(texts: int, slope: float, offset: float, seed: int = 0) -> list[list[Prediction]]:
    """Lines whose true log-odds are slope * what the model says + offset; texts have 1 to 60 lines."""
    rng = random.Random(seed)
    found = []
    for _ in range(texts):
        said = [rng.gauss(0, 2) for _ in range(rng.randint(1, 60))]
        found.append(
            [
                Prediction(sigmoid(value), rng.random() < sigmoid(slope * value + offset), rng.randint(1, 40))
                for value in said
            ]
        )
    return found


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.5, -1.0), (2.0, 0.7)])
def test_a_distortion_that_was_put_in_is_found(slope, offset):
    fitted = fit_calibration(drawn(1500, slope, offset))
    assert fitted is not None
    assert fitted.slope == pytest.approx(slope, rel=0.1)
    assert fitted.offset == pytest.approx(offset, abs=0.12)
    fresh = [prediction for text in drawn(300, slope, offset, seed=1) for prediction in text]
    before = calibration_error(reliability((said.probability, said.keep) for said in fresh))
    after = calibration_error(reliability((fitted.probability(said.probability), said.keep) for said in fresh))
    assert after <= 0.03
    assert after < before or (slope, offset) == (1.0, 0.0)


def test_predictions_count_by_their_weight():
    kept = [[Prediction(0.5, True)] for _ in range(60)]
    removed = [[Prediction(0.5, False, 0.5)] * 2 for _ in range(20)]
    fitted = fit_calibration([*kept, *removed])
    assert fitted is not None
    assert fitted.probability(0.5) == pytest.approx(0.75, abs=0.02)


def test_too_few_texts_and_probabilities_that_mislead_give_no_calibration():
    assert fit_calibration(drawn(MIN_TEXTS - 1, 0.5, 0.0)) is None
    assert fit_calibration([[], [], *drawn(MIN_TEXTS - 1, 0.5, 0.0)]) is None
    assert fit_calibration(drawn(200, -1.0, 0.0)) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=MIN_TEXTS, max_size=60))
def test_any_probabilities_can_be_fitted(predictions):
    fitted = fit_calibration([[Prediction(probability, keep)] for probability, keep in predictions])
    assert fitted is None or 0 < fitted.slope < 100


def test_an_evaluation_has_the_reliability_before_and_after():
    page = labelled_page(gold="kept", text_full="kept\nmenu\nkept", keep_full=(1, 0, 1))
    raw = ChunkPrograms(
        "0",
        (
            ChunkProgramRow(
                chunk_index=0,
                line_start=0,
                line_end=2,
                line_keep_probabilities=(0.6, 0.3, 0.7),
                finish_reason="scored",
            ),
        ),
    )
    calibration = Calibration(slope=2.0, offset=0.5)
    [corrected] = calibrated_chunks([raw], calibration)
    policy = ExecutionPolicy(dialect="line-labels")
    plain = measure_chunks([page], "text_full", [raw], policy)
    result = measure_chunks([page], "text_full", [corrected], policy, calibration=calibration)
    assert plain.reliability_before == []
    assert [entry.count for entry in result.reliability_before] == [entry.count for entry in plain.reliability]
    assert calibration_error(result.reliability_before) == pytest.approx(plain.calibration_error)
    assert result.calibration_error < plain.calibration_error
    assert [len(reliability_tables("Lines", found)) for found in (plain, result)] == [2, 4]
    [[first, *_]] = line_predictions([page], "text_full", [raw])
    assert first == Prediction(0.6, True, 1)
