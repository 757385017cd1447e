"""The features of the second layer, boosted trees: what a line is like, and what surrounds it."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from prox_assets.refiners.classifier.characters import CLASSES
from prox_assets.refiners.classifier.function_words import FUNCTION_WORDS
from prox_assets.refiners.classifier.lines import WORD_BITS, Lines, mixed, read_lines

SCORES_AROUND = 8
LENGTHS_AROUND = 4
FUNCTIONS_AROUND = 2
# Lines on either side over which means are taken.
WINDOWS = (3, 10, 40)
DENSE_WINDOW = 4
# A line that is surely main content, and long: what lies between two such lines is main content more often.
STRONG_KEEP = 0.75
STRONG_WORDS = 12


@cache
def function_word_table() -> np.ndarray:
    """Return which hashed words are function words: bool of shape (2^17,)."""
    words = sorted({word for words in FUNCTION_WORDS.values() for word in words.split()})
    table = np.zeros(1 << WORD_BITS, dtype=bool)
    table[mixed(read_lines(["\n".join(words)]).words, WORD_BITS)] = True
    return table


def function_words(lines: Lines, words: np.ndarray) -> np.ndarray:
    """Return how many of each line's words are function words, shape (n,); `words` are the words' columns."""
    total = np.concatenate([[0], np.cumsum(function_word_table().take(words))])
    return np.diff(total.take(lines.word_ends), prepend=0)


@dataclass(frozen=True)
class Segments:
    """Sums and shifts that stay inside each text; n lines of t texts."""

    begins: np.ndarray
    ends: np.ndarray
    text_of: np.ndarray

    def shifted(self, values: np.ndarray, distance: int) -> np.ndarray:
        """Return the value of each line's neighbour at a distance in its text; NaN where there is none."""
        places = np.arange(len(values)) + distance
        inside = (places >= self.begins[self.text_of]) & (places < self.ends[self.text_of])
        found = np.full(len(values), np.nan, dtype=np.float32)
        found[inside] = values[places[inside]]
        return found

    def around(self, total: np.ndarray, before: int, after: int) -> np.ndarray:
        """Return sums over [line - before, line + after] within the text.

        Args:
            total: Running sum of the values with a 0 in front, shape (n + 1,).
            before: Lines before each line.
            after: Lines after it.
        """
        places = np.arange(len(total) - 1)
        first = np.maximum(places - before, self.begins[self.text_of])
        last = np.minimum(places + after + 1, self.ends[self.text_of])
        return total[last] - total[first]

    def whole(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each text, shape (t,)."""
        total = running(values)
        return total[self.ends] - total[self.begins]


def running(values: np.ndarray) -> np.ndarray:
    """Return the running sum with a 0 in front, shape (n + 1,)."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def segments(lines: Lines) -> Segments:
    """Return the segments of lines."""
    return Segments(lines.begins, lines.ends, lines.text_of)


def tree_features(lines: Lines, own: np.ndarray, scores: np.ndarray, functions: np.ndarray) -> np.ndarray:
    """Return the features of each line, float32 of shape (n, features).

    Args:
        lines: The lines.
        own: Their linear scores without neighbours, shape (n,).
        scores: Their linear scores, shape (n,).
        functions: Their function words, shape (n,).
    """
    where = segments(lines)
    words = (lines.spaces + 1).astype(np.float32)
    function_share = functions / np.maximum(1, lines.word_counts)
    columns = [
        *_of_the_line(lines, where, words, function_share),
        own,
        scores - own,
        *(where.shifted(scores, distance) for distance in _distances(SCORES_AROUND)),
        scores,
        *(where.shifted(words, distance) for distance in _distances(LENGTHS_AROUND)),
        *(where.shifted(function_share, distance) for distance in _distances(FUNCTIONS_AROUND)),
        *_of_the_surroundings(lines, where, words, scores, functions),
    ]
    return np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")


def _distances(reach: int) -> list[int]:
    return [distance for distance in range(-reach, reach + 1) if distance]


def _of_the_line(lines: Lines, where: Segments, words: np.ndarray, function_share: np.ndarray) -> list[np.ndarray]:
    read = np.maximum(1, lines.classes[:, :8].sum(axis=1))
    counted = np.maximum(1, lines.word_counts)
    places = np.arange(len(lines)) - lines.begins[lines.text_of]
    totals = lines.totals[lines.text_of]
    before = np.diff(lines.numbers, prepend=0)
    before[lines.begins[lines.begins < len(lines)]] = 0
    return [
        words,
        lines.characters,
        lines.characters / words,
        *(lines.classes[:, number] / read for number in range(8) if CLASSES[number] != "space"),
        *(lines.classes[:, number] for number in range(8, len(CLASSES))),
        lines.edges[:, 0],
        lines.edges[:, 1],
        lines.capitals / counted,
        function_share,
        lines.word_counts,
        lines.numbers / totals,
        totals - lines.numbers,
        places,
        lines.ends[lines.text_of] - np.arange(len(lines)),
        lines.repeats,
        before,
        where.shifted(before, 1),
    ]


def _of_the_surroundings(
    lines: Lines, where: Segments, words: np.ndarray, scores: np.ndarray, functions: np.ndarray
) -> list[np.ndarray]:
    keep = 1 / (1 + np.exp(-scores))
    kept = keep * words
    all_words, all_kept, all_functions = running(words), running(kept), running(functions)
    columns: list[np.ndarray] = []
    for window in WINDOWS:
        for before, after in (
            ((window, window), (window, -1), (-1, window)) if window > WINDOWS[0] else ((window,) * 2,)
        ):
            around = np.maximum(1, where.around(all_words, before, after))
            columns.append(where.around(all_kept, before, after) / around)
        columns.append(
            where.around(all_functions, window, window) / np.maximum(1, where.around(all_words, window, window))
        )
    strong = (keep >= STRONG_KEEP) & (words >= STRONG_WORDS)
    text_words, text_kept = where.whole(words), where.whole(kept)
    lengths = lines.ends - lines.begins
    dense = where.around(all_kept, DENSE_WINDOW, DENSE_WINDOW)
    of = lines.text_of
    columns += [
        *_since(strong, where),
        (all_kept[1:] - all_kept[lines.begins][of]) / np.maximum(1e-6, text_kept[of]),
        (text_kept / np.maximum(1, text_words))[of],
        text_words[of],
        lengths[of],
        (where.whole(functions) / np.maximum(1, text_words))[of],
        (where.whole(strong * words) / np.maximum(1, text_words))[of],
        (where.whole(scores) / np.maximum(1, lengths))[of] - scores,
        dense / np.maximum(1e-6, _maximum(dense, lines)[of]),
        np.arange(len(lines)) - _first_maximum(dense, lines)[of],
    ]
    return columns


def _since(strong: np.ndarray, where: Segments) -> tuple[np.ndarray, np.ndarray]:
    """Return how many lines ago the last strong line was, and how many lines ahead the next one is; NaN for none."""
    places = np.arange(len(strong), dtype=np.float32)
    last = np.maximum.accumulate(np.where(strong, places, -1))
    following = np.minimum.accumulate(np.where(strong, places, len(strong))[::-1])[::-1]
    return (
        np.where(last >= where.begins[where.text_of], places - last, np.nan),
        np.where(following < where.ends[where.text_of], following - places, np.nan),
    )


def _maximum(values: np.ndarray, lines: Lines) -> np.ndarray:
    """Return the largest value of each text, shape (t,); 0 for texts without lines."""
    found = np.zeros(len(lines.ends), dtype=values.dtype)
    filled = lines.ends > lines.begins
    if filled.any():
        found[filled] = np.maximum.reduceat(values, lines.begins[filled])
    return found


def _first_maximum(values: np.ndarray, lines: Lines) -> np.ndarray:
    """Return the place of the first largest value of each text, shape (t,)."""
    largest = np.flatnonzero(values == _maximum(values, lines)[lines.text_of])
    places = np.zeros(len(lines.ends), dtype=np.int64)
    places[lines.text_of[largest[::-1]]] = largest[::-1]
    return places
