"""Fits the classifier's first layer: logistic regression with soft targets, by L-BFGS on all lines at once."""

import numpy as np

from prox_assets.refiners.classifier.linear import (
    LINEAR_SHAPES,
    LinearWeights,
    gathered,
    partial_sums,
    scattered,
)
from prox_assets.training.classifier.examples import LineExamples

CORRECTIONS = 8
_ARRAYS = {name: shape for name, shape in LINEAR_SHAPES.items() if name != "bias"}


def line_scores(examples: LineExamples, weights: LinearWeights) -> tuple[np.ndarray, np.ndarray]:
    """Return each line's own linear score, and the score with its neighbours' words."""
    lines = examples.lines
    sums = partial_sums(examples.matrices, weights)
    return sums[:, 0], sums[:, 0] + gathered(sums, lines.begins, lines.ends, lines.text_of) + np.float32(weights.bias)


def fit_linear(examples: LineExamples, decay: float, iterations: int) -> LinearWeights:
    """Return the weights with the least mean weighted log loss plus decay / 2 times their squared length."""
    from scipy.optimize import minimize

    lines, matrices = examples.lines, examples.matrices
    importance = (examples.weights / max(1e-9, examples.weights.sum())).astype(np.float32)
    transposed = {name: getattr(matrices, name).T for name in _ARRAYS}

    def loss(packed: np.ndarray) -> tuple[float, np.ndarray]:
        _, scores = line_scores(examples, _unpacked(packed))
        # log(1 + e^s) - target * s is the log loss of a soft target.
        lost = importance @ (np.logaddexp(0, scores) - examples.targets * scores)
        error = (importance * (1 / (1 + np.exp(-scores)) - examples.targets)).astype(np.float32)
        spread = scattered(error, lines.begins, lines.ends, lines.text_of)
        slopes = {
            "words": transposed["words"] @ (spread * matrices.word_scale[:, None]),
            "shapes": transposed["shapes"] @ spread,
            "pairs": transposed["pairs"] @ (error * matrices.pair_scale),
            "grams": transposed["grams"] @ (error * matrices.gram_scale),
        }
        slope = np.concatenate([*(slopes[name].ravel() for name in _ARRAYS), [error.sum()]]).astype(np.float64)
        penalty = packed.copy()
        penalty[-1] = 0  # the bias is free
        return float(lost + decay / 2 * (penalty @ penalty)), slope + decay * penalty

    size = sum(int(np.prod(shape)) for shape in LINEAR_SHAPES.values())
    options = {"maxiter": iterations, "maxcor": CORRECTIONS}
    return _unpacked(minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options=options).x)


def _unpacked(packed: np.ndarray) -> LinearWeights:
    parts: dict[str, np.ndarray] = {}
    start = 0
    for name, shape in _ARRAYS.items():
        size = int(np.prod(shape))
        parts[name] = packed[start : start + size].reshape(shape).astype(np.float32)
        start += size
    return LinearWeights(**parts, bias=float(packed[-1]))
