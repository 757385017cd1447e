"""A linear classifier over hashed words and word pairs: the target against the corpus.

Li et al., "DataComp-LM" (2024), section 4.4: a fastText classifier of n-grams, whose probability of the target decides.
Here the words are those of the line classifier (`classifier/lines.py`: of long lines, the first 160 and the last 40
characters), what occurs counts once, and the weights are fitted by logistic regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from prox_assets.refiners.classifier.document_words import WORD_SHAPES, DocumentWords, document_words
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.refiners.selector.file import (
    SelectorRecord,
    read_arrays,
    read_record,
    write_arrays,
    write_record,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BATCH_TEXTS = 64


class LinearRecord(SelectorRecord):
    """A linear selector has no settings once it is fitted."""

    kind: Literal["linear"] = "linear"


class LinearSelector:
    """Scores by the log-odds of being target text.

    Attributes:
        words: The weights.
    """

    name = "linear"
    measure = "log-odds of being target text"

    def __init__(self, words: DocumentWords) -> None:
        self.words = words

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the log-odds of each text."""
        return self.words.scores(words_of(texts)).astype(float).tolist() if texts else []

    def save(self, folder: Path) -> None:
        """Write the selector into a folder."""
        write_arrays(folder, self.words.arrays())
        write_record(folder, LinearRecord())

    @classmethod
    def load(cls, folder: Path) -> LinearSelector:
        """Return the selector in a folder; raises RefinerError where there is none."""
        read_record(folder, LinearRecord)
        return cls(DocumentWords.of_arrays(read_arrays(folder, WORD_SHAPES)))


def words_of(texts: Sequence[str]) -> csr_matrix:
    """Return which hashed words and pairs each text has, as `document_words` does for all lines.

    Texts are read in batches, because reading takes much more memory than what is found.
    """
    from scipy.sparse import vstack

    found = []
    for start in range(0, len(texts), BATCH_TEXTS):
        lines = read_lines(texts[start : start + BATCH_TEXTS])
        found.append(document_words(lines, np.ones(len(lines))))
    return cast("csr_matrix", vstack(found, format="csr"))
