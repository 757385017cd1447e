"""Fits the score of a document by its words: logistic regression with soft targets, by L-BFGS on all documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prox_assets.refiners.classifier.document_words import DocumentWords

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Chosen on development sites.
DECAY = 1e-3
ITERATIONS = 60


def fit_words(words: csr_matrix, targets: np.ndarray, weights: np.ndarray) -> DocumentWords:
    """Return the weights with the least mean weighted log loss plus DECAY / 2 times their squared length.

    Args:
        words: What n documents have (`document_words`), shape (n, 2^18).
        targets: P(keep) in [0, 1], shape (n,).
        weights: How much each document counts, shape (n,).
    """
    from scipy.optimize import minimize

    columns = np.unique(words.indices)
    seen = words[:, columns]
    transposed = seen.T.tocsr()
    importance = (weights / weights.sum()).astype(np.float32)

    def loss(packed: np.ndarray) -> tuple[float, np.ndarray]:
        scores = seen @ packed[:-1].astype(np.float32) + np.float32(packed[-1])
        # log(1 + e^s) - target * s is the log loss of a soft target.
        lost = importance @ (np.logaddexp(0, scores) - targets * scores)
        error = (importance * (1 / (1 + np.exp(-scores)) - targets)).astype(np.float32)
        penalty = packed.copy()
        penalty[-1] = 0  # the bias is free
        slope = np.append(transposed @ error, error.sum()).astype(np.float64)
        return float(lost + DECAY / 2 * (penalty @ penalty)), slope + DECAY * penalty

    found = minimize(loss, np.zeros(len(columns) + 1), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x
    whole = np.zeros(words.get_shape()[1], dtype=np.float32)
    whole[columns] = found[:-1]
    return DocumentWords(whole, float(found[-1]))
