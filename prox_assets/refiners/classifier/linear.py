"""The first layer: a linear score of each line from its own words and characters and from the words around it.

A line has seven partial sums, one for its own score and one for each side on which it may stand as a neighbour. They
are computed once, then shifted and added, so that a word costs one look-up of seven weights however many lines it is
next to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prox_assets.refiners.classifier.lines import GRAM_BITS, PAIR_BITS, SHAPES, WORD_BITS, Lines, mixed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# The lines that a line sees, by distance; the farther ones of a side share their weights.
NEIGHBOURS: tuple[tuple[int, ...], ...] = ((-5, -4, -3), (-2,), (-1,), (1,), (2,), (3, 4, 5))
SIDES = len(NEIGHBOURS)
COLUMNS = 1 + SIDES

LINEAR_SHAPES: dict[str, tuple[int, ...]] = {
    "words": (1 << WORD_BITS, COLUMNS),
    "shapes": (SHAPES, COLUMNS),
    "pairs": (1 << PAIR_BITS,),
    "grams": (1 << GRAM_BITS,),
    "bias": (1,),
}
"""The arrays of the layer in a file."""


@dataclass(frozen=True)
class LinearWeights:
    """The weights; column 0 is a line's own score, the others follow `NEIGHBOURS`.

    Attributes:
        words: Shape (2^17, 7).
        shapes: Shape (512, 7).
        pairs: Shape (2^17,).
        grams: Shape (2^18,).
        bias: The score of a line without any feature.
    """

    words: np.ndarray
    shapes: np.ndarray
    pairs: np.ndarray
    grams: np.ndarray
    bias: float


@dataclass(frozen=True)
class LineMatrices:
    """The hashed features of n lines as sparse matrices of ones, and the scale of each line's sums.

    A sum is divided by the square root of its number of features, so that long lines do not outweigh short ones.
    """

    words: csr_matrix
    shapes: csr_matrix
    pairs: csr_matrix
    grams: csr_matrix
    word_scale: np.ndarray
    pair_scale: np.ndarray
    gram_scale: np.ndarray


def line_matrices(lines: Lines) -> LineMatrices:
    """Return the hashed features of lines."""
    shape_ends = np.arange(1, len(lines) + 1) * lines.shapes.shape[1]
    return LineMatrices(
        words=_ones(mixed(lines.words, WORD_BITS), lines.word_ends, 1 << WORD_BITS),
        shapes=_ones(lines.shapes.ravel(), shape_ends, SHAPES),
        pairs=_ones(lines.pairs, lines.pair_ends, 1 << PAIR_BITS),
        grams=_ones(lines.grams, lines.gram_ends, 1 << GRAM_BITS),
        word_scale=_scale(lines.word_ends),
        pair_scale=_scale(lines.pair_ends),
        gram_scale=_scale(lines.gram_ends),
    )


def _ones(columns: np.ndarray, ends: np.ndarray, width: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], ends]).astype(np.int32)
    return csr_matrix((np.ones(len(columns), dtype=np.float32), columns, starts), shape=(len(ends), width), copy=False)


def _scale(ends: np.ndarray) -> np.ndarray:
    return (1 / np.sqrt(np.diff(ends, prepend=0) + 1)).astype(np.float32)


def partial_sums(matrices: LineMatrices, weights: LinearWeights) -> np.ndarray:
    """Return each line's own score and what it adds to the scores of its neighbours, shape (n, 7)."""
    sums = (matrices.words @ weights.words) * matrices.word_scale[:, None]
    sums += matrices.shapes @ weights.shapes
    sums[:, 0] += (matrices.pairs @ weights.pairs) * matrices.pair_scale
    sums[:, 0] += (matrices.grams @ weights.grams) * matrices.gram_scale
    return sums


def gathered(sums: np.ndarray, begins: np.ndarray, ends: np.ndarray, text_of: np.ndarray) -> np.ndarray:
    """Return what each line gets from its neighbours in the same text, shape (n,); arguments as in `Lines`."""
    found = np.zeros(len(sums), dtype=np.float32)
    first, last = begins[text_of], ends[text_of]
    for side, distances in enumerate(NEIGHBOURS, 1):
        for distance in distances:
            own, other = _overlap(len(sums), distance)
            inside = (first[own] <= np.arange(len(sums))[other]) & (np.arange(len(sums))[other] < last[own])
            found[own] += np.where(inside, sums[other, side], 0)
    return found


def scattered(values: np.ndarray, begins: np.ndarray, ends: np.ndarray, text_of: np.ndarray) -> np.ndarray:
    """Return the transpose of `gathered` and of the own score: column s is the sum of values of lines that see a line.

    Shape (n, 7), from values of shape (n,).
    """
    found = np.zeros((len(values), COLUMNS), dtype=np.float32)
    found[:, 0] = values
    first, last = begins[text_of], ends[text_of]
    for side, distances in enumerate(NEIGHBOURS, 1):
        for distance in distances:
            own, other = _overlap(len(values), distance)
            inside = (first[own] <= np.arange(len(values))[other]) & (np.arange(len(values))[other] < last[own])
            found[other, side] += np.where(inside, values[own], 0)
    return found


def _overlap(count: int, distance: int) -> tuple[slice, slice]:
    """Return the lines that have a neighbour at a distance, and those neighbours."""
    reach = min(abs(distance), count)
    if distance > 0:
        return slice(0, count - reach), slice(reach, count)
    return slice(reach, count), slice(0, count - reach)
