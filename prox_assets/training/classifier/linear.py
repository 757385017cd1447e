"""Fits the classifier's first layer: logistic regression with soft targets, by L-BFGS on all lines at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from prox_assets.refiners.classifier.linear import (
    LINEAR_SHAPES,
    LinearWeights,
    gathered,
    partial_sums,
    scattered,
)
from prox_assets.training.classifier.examples import LineExamples

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CORRECTIONS = 8
_ARRAYS = {name: shape for name, shape in LINEAR_SHAPES.items() if name != "bias"}


def line_scores(examples: LineExamples, weights: LinearWeights) -> tuple[np.ndarray, np.ndarray]:
    """Return each line's own linear score, and the score with its neighbours' words."""
    lines = examples.lines
    sums = partial_sums(examples.matrices, weights)
    return sums[:, 0], sums[:, 0] + gathered(sums, lines.begins, lines.ends, lines.text_of) + np.float32(weights.bias)


def fit_linear(examples: LineExamples, decay: float, iterations: int) -> LinearWeights:
    """Return the weights with the least mean weighted log loss plus decay / 2 times their squared length.

    Features that occur in no line that counts keep a weight of 0.
    """
    from scipy.optimize import minimize

    lines = examples.lines
    present = {name: np.unique(getattr(examples.matrices, name).indices) for name in _ARRAYS}
    matrices = replace(
        examples.matrices, **{name: _columns(getattr(examples.matrices, name), present[name]) for name in _ARRAYS}
    )
    compact = replace(examples, matrices=matrices)
    shapes = {name: (len(present[name]), *shape[1:]) for name, shape in _ARRAYS.items()}
    transposed = {name: getattr(matrices, name).T for name in _ARRAYS}
    importance = (examples.weights / max(1e-9, examples.weights.sum())).astype(np.float32)

    def loss(packed: np.ndarray) -> tuple[float, np.ndarray]:
        _, scores = line_scores(compact, _unpacked(packed, shapes))
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

    size = sum(int(np.prod(shape)) for shape in shapes.values()) + 1
    options = {"maxiter": iterations, "maxcor": CORRECTIONS}
    found = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options=options).x
    small = _unpacked(found, shapes)
    whole = {name: np.zeros(shape, dtype=np.float32) for name, shape in _ARRAYS.items()}
    for name, array in whole.items():
        array[present[name]] = getattr(small, name)
    return LinearWeights(**whole, bias=small.bias)


def _columns(matrix: csr_matrix, present: np.ndarray) -> csr_matrix:
    """Return the matrix with only these columns, which hold all of its entries."""
    from scipy.sparse import csr_matrix

    rows, columns = matrix.get_shape()
    places = np.zeros(columns, dtype=np.int32)
    places[present] = np.arange(len(present), dtype=np.int32)
    return csr_matrix((matrix.data, places[matrix.indices], matrix.indptr), shape=(rows, len(present)))


def _unpacked(packed: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> LinearWeights:
    parts: dict[str, np.ndarray] = {}
    start = 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        parts[name] = packed[start : start + size].reshape(shape).astype(np.float32)
        start += size
    return LinearWeights(**parts, bias=float(packed[-1]))
