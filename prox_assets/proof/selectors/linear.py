"""Fits the linear selector: the target against the corpus."""

from collections.abc import Sequence

import numpy as np

from prox_assets.refiners.selector.linear import LinearSelector, words_of
from prox_assets.training.classifier.document_words import fit_words


def fit_linear_selector(target_texts: Sequence[str], raw_texts: Sequence[str]) -> LinearSelector:
    """Return the classifier of target texts (1) against texts of the corpus (0); both sides weigh the same."""
    targets = np.repeat([1.0, 0.0], [len(target_texts), len(raw_texts)])
    weights = np.repeat([1 / len(target_texts), 1 / len(raw_texts)], [len(target_texts), len(raw_texts)])
    return LinearSelector(fit_words(words_of([*target_texts, *raw_texts]), targets, weights))
