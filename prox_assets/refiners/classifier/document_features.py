"""What the document classifier sees: how much of a text is main content, and what that content is like.

Nothing here counts boilerplate for itself, because the chunk level removes it: a good article stays a good article
under a long menu.
"""

from __future__ import annotations

import numpy as np

from prox_assets.refiners.classifier.characters import CLASSES
from prox_assets.refiners.classifier.context import Segments, function_words, running, segments
from prox_assets.refiners.classifier.lines import GRAM_BITS, WORD_BITS, Lines, mixed

# Bounds of P(keep) between which the shares of words are counted.
KEEP_BOUNDS = (0.15, 0.35, 0.5, 0.65, 0.85)
# Lines of connected text.
LONG_WORDS = 10
_SENTENCE_END = CLASSES.index("sentence_end")


def document_features(lines: Lines, keep: np.ndarray, gram_weights: np.ndarray) -> np.ndarray:
    """Return the features of each text, float32 of shape (t, features).

    Args:
        lines: The lines of the texts.
        keep: P(keep) of each line, shape (n,).
        gram_weights: How common each hashed 4-gram is in main content, shape (2^18,).
    """
    where = segments(lines)
    # Of a long line only a part is read; its words are those between spaces.
    words = np.maximum(lines.word_counts, lines.spaces + 1)
    functions = function_words(lines, mixed(lines.words, WORD_BITS))
    common = running(gram_weights.take(lines.grams))
    grams = np.diff(lines.gram_ends, prepend=0)
    line_common = common[lines.gram_ends] - common[lines.gram_ends - grams]
    all_words = np.maximum(1, where.whole(words))
    kept_words = where.whole(keep * words)
    parts = [
        _bounded(lines, where, keep, words, all_words),
        *(_of_content(lines, where, each, functions, line_common, grams) for each in (np.ones(len(lines)), keep)),
        _repetition(lines),
        [
            np.log1p(all_words),
            np.log1p(kept_words),
            kept_words / all_words,
            np.log1p(lines.ends - lines.begins),
            np.log1p(where.whole(keep * words * (words >= LONG_WORDS))),
            where.whole(words * (words >= LONG_WORDS)) / all_words,
            _at(lines.edges[:, 1], lines.ends - 1, lines),
            _at(lines.edges[:, 0], lines.begins, lines),
        ],
    ]
    return np.stack([column for part in parts for column in part], axis=1).astype(np.float32)


def _bounded(
    lines: Lines, where: Segments, keep: np.ndarray, words: np.ndarray, all_words: np.ndarray
) -> list[np.ndarray]:
    """Return the shares of words in lines above each bound, and the most words of a line above the middle one."""
    columns = [where.whole(words * (keep >= bound)) / all_words for bound in KEEP_BOUNDS]
    longest = np.zeros(len(lines.ends))
    filled = lines.ends > lines.begins
    if filled.any():
        longest[filled] = np.maximum.reduceat(np.where(keep >= 0.5, words, 0), lines.begins[filled])
    return [*columns, np.log1p(longest)]


def _of_content(
    lines: Lines,
    where: Segments,
    weights: np.ndarray,
    functions: np.ndarray,
    line_common: np.ndarray,
    grams: np.ndarray,
) -> list[np.ndarray]:
    """Return what the lines are like, each counting with a weight."""
    counted = np.maximum(1e-3, where.whole(weights * lines.word_counts))
    characters = np.maximum(1e-3, where.whole(weights * lines.classes.sum(axis=1)))
    present = np.maximum(1e-3, where.whole(weights))
    return [
        *(where.whole(weights * lines.classes[:, number]) / characters for number in range(len(CLASSES))),
        where.whole(weights * functions) / counted,
        where.whole(weights * lines.capitals) / counted,
        where.whole(weights * lines.characters) / counted,
        where.whole(weights * lines.word_counts) / present,
        where.whole(weights * (lines.edges[:, 1] == _SENTENCE_END)) / present,
        where.whole(weights * (lines.repeats > 1)) / present,
        where.whole(weights * line_common) / np.maximum(1e-3, where.whole(weights * grams)),
    ]


def _repetition(lines: Lines) -> list[np.ndarray]:
    """Return how many different words and pairs a text has against all of them, and the shares of the commonest."""
    columns: list[np.ndarray] = []
    for values, ends in ((lines.words, lines.word_ends), (lines.pairs, lines.pair_ends)):
        totals = np.concatenate([[0], ends])
        counts = (totals[lines.ends] - totals[lines.begins]).astype(np.int64)
        text_of = np.repeat(np.arange(len(counts)), counts)
        keys = (text_of.astype(np.uint64) << np.uint64(32)) | values.astype(np.uint64)
        found, times = np.unique(keys, return_counts=True)
        owners = (found >> np.uint64(32)).astype(np.int64)
        different = np.bincount(owners, minlength=len(counts))
        most = np.zeros(len(counts), dtype=np.int64)
        np.maximum.at(most, owners, times)
        # Heaps' law: a text twice as long has about 1.4 times as many different words.
        columns += [
            different / np.maximum(1, counts),
            different / np.maximum(1, counts) ** 0.7,
            most / np.maximum(1, counts),
        ]
    return columns


def _at(values: np.ndarray, places: np.ndarray, lines: Lines) -> np.ndarray:
    """Return the value of one line of each text; 0 for texts without lines."""
    filled = lines.ends > lines.begins
    found = np.zeros(len(filled))
    found[filled] = values[places[filled]]
    return found


def gram_commonness(lines: Lines) -> np.ndarray:
    """Return the logarithm of how often each hashed 4-gram occurs in these lines, float32 of shape (2^18,)."""
    return np.log1p(np.bincount(lines.grams, minlength=1 << GRAM_BITS)).astype(np.float32)
