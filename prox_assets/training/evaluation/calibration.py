"""Fits the calibration of a refiner's probabilities on development pages (Platt scaling, refiners/calibration.py).

A line counts by the square root of its words. What is wanted is page word F1 by expected F1: on 141 development pages
(text_full), a language model fitted in this way reached .839, uncorrected .838, and .833 where every text counted the
same and its lines by their words, although that is best for the log-loss. docs/refiner-lab.md has both tables.
Isotonic regression did no better than a slope and an offset.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.protocol import ChunkPrograms
from prox_assets.training.data.pages import LabelledPage, Regime
from prox_assets.training.evaluation.evaluate import labelled_lines

if TYPE_CHECKING:
    import numpy as np

# With fewer texts, a calibration says more about them than about the model.
MIN_TEXTS = 20
# A prior, for "no correction" here, worth a few texts of mean weight: the precision of a normal distribution around it.
_PRIOR = 1.0
_MAX_LOG_ODDS = 30.0
_STEPS = 100


class Prediction(NamedTuple):
    """P(keep) of a line or a document, whether it is to be kept, and what it counts in its text."""

    probability: float
    keep: bool
    weight: float = 1.0


def fit_calibration(texts: Iterable[Sequence[Prediction]]) -> Calibration | None:
    """Return the correction of log-odds that makes the labels likeliest, by Newton's method.

    Args:
        texts: The predictions of each text, with what they count.

    Returns:
        None if fewer than MIN_TEXTS texts have predictions, or if the probabilities say nothing about the labels.
    """
    import numpy as np

    known = [text for text in texts if sum(prediction.weight for prediction in text) > 0]
    if len(known) < MIN_TEXTS:
        return None
    probabilities, keep, weights = (
        np.array([float(prediction[field]) for text in known for prediction in text]) for field in range(3)
    )
    weights *= len(known) / weights.sum()
    slope, offset = logistic_regression([log_odds(probabilities)], keep, weights, [1.0, 0.0])
    return Calibration(slope=slope, offset=offset) if slope > 0 else None


def log_odds(probabilities: "np.ndarray") -> "np.ndarray":
    """Return the log-odds of probabilities, within 30 of 0."""
    import numpy as np

    with np.errstate(divide="ignore"):
        return np.clip(np.log(probabilities) - np.log1p(-probabilities), -_MAX_LOG_ODDS, _MAX_LOG_ODDS)


def logistic_regression(
    columns: "Sequence[np.ndarray]", keep: "np.ndarray", weights: "np.ndarray", prior: Sequence[float]
) -> list[float]:
    """Return the coefficient of each column, and then the offset, that make the labels likeliest, by Newton's method.

    Args:
        columns: Features of the n examples, each of shape (n,).
        keep: Their labels, 0 or 1, shape (n,).
        weights: What each example counts, shape (n,).
        prior: The means of a normal prior of precision 1, one for each coefficient.
    """
    import numpy as np

    features = np.stack([*columns, np.ones_like(keep)], axis=1)
    means = np.array(prior)

    def loss(values: "np.ndarray") -> float:
        scores = features @ values
        return float(weights @ (np.logaddexp(0, scores) - keep * scores) + _PRIOR / 2 * ((values - means) ** 2).sum())

    fitted = means.copy()
    for _ in range(_STEPS):
        expected = np.exp(-np.logaddexp(0, -(features @ fitted)))
        gradient = features.T @ (weights * (expected - keep)) + _PRIOR * (fitted - means)
        curvature = (features * (weights * expected * (1 - expected))[:, None]).T @ features
        step = np.linalg.solve(curvature + _PRIOR * np.eye(len(means)), gradient)
        while loss(fitted - step) > loss(fitted) and np.abs(step).max() > 1e-9:
            step /= 2
        fitted = fitted - step
        if np.abs(step).max() <= 1e-9:
            break
    return fitted.tolist()


def line_predictions(
    pages: Sequence[LabelledPage], regime: Regime, programs: Sequence[ChunkPrograms]
) -> list[list[Prediction]]:
    """Return the predictions for the labelled lines of each page, weighted by the square root of their words."""
    found: list[list[Prediction]] = []
    for page, answer in zip(pages, programs, strict=True):
        lines, labels = page.text(regime).split("\n"), labelled_lines(page, regime)
        found.append(
            [
                Prediction(probability, labels[number] == 1, sqrt(len(lines[number].split())))
                for row in answer.rows
                for number, probability in enumerate(row.line_keep_probabilities or (), row.line_start)
                if number in labels
            ]
        )
    return found
