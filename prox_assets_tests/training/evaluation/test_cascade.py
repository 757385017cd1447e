"""Fitting a cascade's weights: it finds what was put in, and refuses a model that adds nothing."""

import random

import pytest

from prox_assets.refiners.calibration import sigmoid
from prox_assets.training.evaluation.calibration import MIN_TEXTS, Prediction
from prox_assets.training.evaluation.cascade import fit_weights


def drawn(
    texts: int, classifier: float, model: float, offset: float
) -> list[tuple[list[Prediction], list[Prediction]]]:
    """Lines whose true log-odds are a weighted sum of what both say."""
    rng = random.Random(0)
    found = []
    for _ in range(texts):
        first, second = [], []
        for _ in range(rng.randint(1, 60)):
            said, also = rng.gauss(0, 2), rng.gauss(0, 2)
            keep = rng.random() < sigmoid(classifier * said + model * also + offset)
            weight = rng.randint(1, 40)
            first.append(Prediction(sigmoid(said), keep, weight))
            second.append(Prediction(sigmoid(also), keep, weight))
        found.append((first, second))
    return found


@pytest.mark.parametrize("put_in", [(0.6, 0.4, -0.3), (0.0, 1.0, 0.0), (1.0, 0.2, 0.5)])
def test_weights_that_were_put_in_are_found(put_in):
    fitted = fit_weights(drawn(1500, *put_in))
    assert fitted is not None
    assert tuple(fitted) == pytest.approx(put_in, abs=0.12)


def test_a_classifier_that_only_does_harm_has_no_weight():
    fitted = fit_weights(drawn(400, -0.5, 1.0, 0.0))
    assert fitted is not None
    assert fitted.classifier_weight == 0
    assert fitted.model_weight > 0.5


def test_a_model_that_adds_nothing_and_too_few_texts_give_no_weights():
    assert fit_weights(drawn(400, 1.0, -0.5, 0.0)) is None
    assert fit_weights(drawn(MIN_TEXTS - 1, 0.5, 0.5, 0.0)) is None
