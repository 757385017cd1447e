"""The line classifier: a linear layer over words and characters, then boosted trees over what surrounds a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prox_assets.refiners.classifier.context import function_words, tree_features
from prox_assets.refiners.classifier.linear import LINEAR_SHAPES, LinearWeights, gathered, line_matrices, partial_sums
from prox_assets.refiners.classifier.lines import WORD_BITS, Lines, mixed
from prox_assets.refiners.classifier.trees import Trees

if TYPE_CHECKING:
    from prox_assets.refiners.classifier.linear import LineMatrices


@dataclass(frozen=True)
class LineModel:
    """Both layers.

    Attributes:
        weights: The linear layer.
        text: The trees, as LightGBM's text.
    """

    weights: LinearWeights
    text: str

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], trees: str) -> LineModel:
        """Return the model whose `arrays` and trees a file holds."""
        parts = {name: arrays[name] for name in LINEAR_SHAPES if name != "bias"}
        return cls(LinearWeights(**parts, bias=float(arrays["bias"][0])), trees)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the linear layer as arrays of half precision, which changes no probability by more than .001."""
        found = {name: getattr(self.weights, name) for name in LINEAR_SHAPES if name != "bias"}
        return {**{name: array.astype(np.float16) for name, array in found.items()}, "bias": self._bias}

    @property
    def _bias(self) -> np.ndarray:
        return np.array([self.weights.bias], dtype=np.float32)

    @cached_property
    def trees(self) -> Trees:
        """The trees, ready to use."""
        return Trees(self.text)

    def scores(self, lines: Lines) -> np.ndarray:
        """Return the log-odds of keeping each line, shape (n,)."""
        if not len(lines):
            return np.zeros(0)
        return self.trees.predict(features(lines, line_matrices(lines), self.weights))


def features(lines: Lines, matrices: LineMatrices, weights: LinearWeights) -> np.ndarray:
    """Return what the trees see of each line, shape (n, features)."""
    sums = partial_sums(matrices, weights)
    scores = sums[:, 0] + gathered(sums, lines.begins, lines.ends, lines.text_of) + np.float32(weights.bias)
    return tree_features(lines, sums[:, 0], scores, function_words(lines, mixed(lines.words, WORD_BITS)))


def by_text(lines: Lines, values: np.ndarray) -> list[np.ndarray]:
    """Return a value for every line of each text: a blank line has that of the line before it.

    Blank lines at the beginning have that of the first line; a text of nothing but blank lines has an empty array.
    """
    found: list[np.ndarray] = []
    for begin, end, total in zip(lines.begins.tolist(), lines.ends.tolist(), lines.totals.tolist(), strict=True):
        if begin == end:
            found.append(np.zeros(0))
            continue
        places = np.searchsorted(lines.numbers[begin:end], np.arange(total), side="right") - 1
        found.append(values[begin:end][np.maximum(places, 0)])
    return found
