"""Fits the weights of a cascade's two opinions on development pages: logistic regression on their log-odds.

Texts and lines count as in calibration.py. On 141 development pages (text_full) the fitted combination reached a page
word F1 of .840, against .833 for the model alone and .835 for the classifier alone, both calibrated.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from prox_assets.training.evaluation.calibration import MIN_TEXTS, Prediction, log_odds, logistic_regression


class CascadeWeights(NamedTuple):
    """The weights; the fields are those of `CascadeSettings`."""

    classifier_weight: float
    model_weight: float
    offset: float


def fit_weights(texts: Iterable[tuple[Sequence[Prediction], Sequence[Prediction]]]) -> CascadeWeights | None:
    """Return the weights of the two log-odds, and an offset, that make the labels likeliest.

    A classifier that only does harm has weight 0.

    Args:
        texts: For each text, the classifier's predictions, and the model's for the same lines.

    Returns:
        None if fewer than MIN_TEXTS texts have predictions, or if the model adds nothing to the classifier.
    """
    import numpy as np

    known = [both for both in texts if sum(prediction.weight for prediction in both[0]) > 0]
    if len(known) < MIN_TEXTS:
        return None
    first, second = ([one for both in known for one in both[place]] for place in (0, 1))
    keep = np.array([float(one.keep) for one in first])
    weights = np.array([one.weight for one in first], dtype=np.float64)
    weights *= len(known) / weights.sum()
    classifier, model = (log_odds(np.array([one.probability for one in side])) for side in (first, second))
    found = CascadeWeights(*logistic_regression([classifier, model], keep, weights, [0.5, 0.5, 0.0]))
    if found.classifier_weight < 0:
        found = CascadeWeights(0.0, *logistic_regression([model], keep, weights, [1.0, 0.0]))
    return found if found.model_weight > 0 else None
