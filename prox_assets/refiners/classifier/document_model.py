"""The document classifier: boosted trees over what the line classifier finds in a text, and over its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prox_assets.refiners.classifier.document_features import document_features
from prox_assets.refiners.classifier.document_words import WORD_SHAPES, DocumentWords, document_words
from prox_assets.refiners.classifier.line_model import LineModel
from prox_assets.refiners.classifier.lines import GRAM_BITS, Lines
from prox_assets.refiners.classifier.trees import Trees

GRAMS = "common_grams"
DOCUMENT_SHAPES: dict[str, tuple[int, ...]] = {GRAMS: (1 << GRAM_BITS,)}
# In the file, the trees of both classifiers follow each other.
BETWEEN_TREES = "\n=== document ===\n"


@dataclass(frozen=True)
class DocumentModel:
    """A line classifier and trees over its answers and over what the document's words say.

    Attributes:
        line_model: The line classifier.
        common_grams: How common each hashed 4-gram is in main content, shape (2^18,).
        text: The trees over documents, as LightGBM's text.
        words: The score of a document by its words; None in models of earlier releases, whose trees do not see it.
    """

    line_model: LineModel
    common_grams: np.ndarray
    text: str
    words: DocumentWords | None = None

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], trees: str) -> DocumentModel:
        """Return the model whose arrays and trees a file holds."""
        of_lines, _, own = trees.partition(BETWEEN_TREES)
        words = DocumentWords.of_arrays(arrays) if WORD_SHAPES.keys() <= arrays.keys() else None
        return cls(LineModel.of_arrays(arrays, of_lines), arrays[GRAMS], own, words)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the model's arrays, of half precision."""
        own = {} if self.words is None else self.words.arrays()
        return {**self.line_model.arrays(), GRAMS: self.common_grams.astype(np.float16), **own}

    @property
    def both_trees(self) -> str:
        """The trees of both classifiers, as a file holds them."""
        return f"{self.line_model.text}{BETWEEN_TREES}{self.text}"

    @cached_property
    def trees(self) -> Trees:
        """The trees over documents, ready to use."""
        return Trees(self.text)

    def scores(self, lines: Lines) -> np.ndarray:
        """Return the log-odds of keeping each text, shape (t,)."""
        keep = 1 / (1 + np.exp(-self.line_model.scores(lines)))
        features = document_features(lines, keep, self.common_grams)
        if self.words is not None:
            features = np.column_stack([features, self.words.scores(document_words(lines, keep))])
        return self.trees.predict(features)
