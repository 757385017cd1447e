"""A linear score of a document by the words and word pairs of its content: an error page is known by what it says.

How often a word occurs does not matter: sums are divided by the square root of the number of different ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from prox_assets.refiners.classifier.lines import PAIR_BITS, WORD_BITS, Lines, mixed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Of the best P(keep) of a text: from here on, a line is content.
CONTENT = 0.5
WORDS, BIAS = "document_words", "document_bias"
WORD_SHAPES: dict[str, tuple[int, ...]] = {WORDS: ((1 << WORD_BITS) + (1 << PAIR_BITS),), BIAS: (1,)}
"""The arrays of the score in a file; files of earlier releases have none of them."""


@dataclass(frozen=True)
class DocumentWords:
    """The score's weights.

    Attributes:
        weights: Of hashed words, then of hashed pairs, shape (2^18,).
        bias: The score of a document without words.
    """

    weights: np.ndarray
    bias: float

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> DocumentWords:
        """Return the weights that a file holds."""
        return cls(arrays[WORDS].astype(np.float32), float(arrays[BIAS][0]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights as arrays, of half precision but for the bias."""
        return {WORDS: self.weights.astype(np.float16), BIAS: np.array([self.bias], dtype=np.float32)}

    def scores(self, words: csr_matrix) -> np.ndarray:
        """Return the log-odds of keeping each text by its words alone, shape (t,), from `document_words`."""
        return words @ self.weights + np.float32(self.bias)


def document_words(lines: Lines, keep: np.ndarray) -> csr_matrix:
    """Return which hashed words and pairs the content of each text has, float32 of shape (t, 2^18).

    What a text has is 1 / sqrt(1 + number of its different words, or pairs); everything else is 0. Its content are the
    lines with at least half of its best P(keep): the cookie notice above an article says nothing about the article.

    Args:
        lines: The lines of the texts.
        keep: P(keep) of each line, shape (n,).
    """
    from scipy.sparse import hstack

    best = np.zeros(len(lines.ends))
    filled = lines.ends > lines.begins
    if filled.any():
        best[filled] = np.maximum.reduceat(keep, lines.begins[filled])
    content = keep >= CONTENT * best[lines.text_of]
    parts = (
        (mixed(lines.words, WORD_BITS), lines.word_ends, 1 << WORD_BITS),
        (lines.pairs, lines.pair_ends, 1 << PAIR_BITS),
    )
    return cast("csr_matrix", hstack([_present(lines, content, *part) for part in parts]).tocsr())


def _present(lines: Lines, content: np.ndarray, columns: np.ndarray, ends: np.ndarray, width: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    of_line = np.repeat(np.arange(len(lines)), np.diff(ends, prepend=0))
    chosen = content[of_line]
    keys = np.unique(lines.text_of[of_line[chosen]] * width + columns[chosen])
    different = np.bincount(keys // width, minlength=len(lines.ends))
    values = np.repeat(1 / np.sqrt(different + 1), different).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(different)]).astype(np.int32)
    return csr_matrix((values, (keys % width).astype(np.int32), starts), shape=(len(different), width))
