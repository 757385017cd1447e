r"""Cuts texts into lines and lines into hashed words, pairs of words and 4-grams, for many texts at once.

Everything over characters and words is done by numpy: Python only splits texts into lines. Words are polynomial hashes
modulo 2^32: with p the position of a character in the batch, the sum of value * BASE^p over a word, times BASE^-start,
which depends on the word alone. BASE is odd, so that it has an inverse. In scripts without spaces every letter is a
word.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from prox_assets.refiners.classifier.characters import (
    LAST,
    UNSPACED_BIT,
    class_codes,
    class_counts,
    folded,
    word_values,
)

# What is read of a line: its head, and its tail where it is longer. Longer lines are prose, and 160 characters show it.
HEAD = 160
TAIL = 40
_GAP = "\x1f"
# Three line breaks part lines, so that no 4-gram has characters of two; they also mark where a line begins and ends.
BREAK = "\n\n\n"
GRAM = 4

WORD_BITS = 17
PAIR_BITS = 17
GRAM_BITS = 18
SHAPES = 512
# The first five of `CLASSES`.
LETTERS_AND_DIGITS = 5

_BASE = 0x9E3779B1
_MIX = np.uint32(0x85EBCA6B)


@dataclass(frozen=True)
class Lines:
    """The non-blank lines of several texts, one after the other; n lines of t texts.

    Attributes:
        numbers: Line number in its text, shape (n,).
        totals: Lines of each text, blank ones included, shape (t,).
        ends: Where the lines of each text end, exclusive, shape (t,); the first text's lines begin at 0.
        characters: Characters of each line without surrounding white space, shape (n,).
        spaces: Spaces inside each line, shape (n,).
        repeats: How often the line occurs in its text, shape (n,).
        words: Hashed words, one after the other; `word_ends` says where each line's end.
        pairs: Hashed pairs of neighbouring words, and `pair_ends`.
        grams: Hashed 4-grams, and `gram_ends`.
        shapes: Three codes below `SHAPES` for each line, of its length, end and beginning, shape (n, 3).
        edges: Place in `CLASSES` of the class of its first and its last character, shape (n, 2).
        classes: How many characters of each of `CLASSES` the read part has, shape (n, 16).
        capitals: Words that begin with a capital letter, shape (n,).
    """

    numbers: np.ndarray
    totals: np.ndarray
    ends: np.ndarray
    characters: np.ndarray
    spaces: np.ndarray
    repeats: np.ndarray
    words: np.ndarray
    word_ends: np.ndarray
    pairs: np.ndarray
    pair_ends: np.ndarray
    grams: np.ndarray
    gram_ends: np.ndarray
    shapes: np.ndarray
    edges: np.ndarray
    classes: np.ndarray
    capitals: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def begins(self) -> np.ndarray:
        """Where the lines of each text begin, shape (t,)."""
        return np.concatenate([[0], self.ends[:-1]]).astype(np.int64)

    @cached_property
    def text_of(self) -> np.ndarray:
        """The text of each line, shape (n,)."""
        return np.repeat(np.arange(len(self.ends)), self.ends - self.begins)

    @cached_property
    def word_counts(self) -> np.ndarray:
        """Words in the read part of each line, shape (n,)."""
        return np.diff(self.word_ends, prepend=0)


def read_lines(texts: Sequence[str]) -> Lines:
    """Return the non-blank lines of texts."""
    numbers: list[int] = []
    kept: list[str] = []
    ends: list[int] = []
    repeats: list[int] = []
    totals: list[int] = []
    for text in texts:
        lines = [line.strip() for line in text.split("\n")]
        own = [number for number, line in enumerate(lines) if line]
        present = [lines[number] for number in own]
        counts = Counter(present)
        numbers += own
        kept += present
        repeats += [counts[line] for line in present]
        totals.append(len(lines))
        ends.append(len(kept))
    lengths = np.fromiter(map(len, kept), np.int64, len(kept))
    spaces = np.fromiter((line.count(" ") for line in kept), np.int64, len(kept))
    read = [line if len(line) <= HEAD + TAIL else f"{line[:HEAD]}{_GAP}{line[-TAIL:]}" for line in kept]
    return Lines(
        numbers=np.array(numbers, dtype=np.int64),
        totals=np.array(totals, dtype=np.int64),
        ends=np.array(ends, dtype=np.int64),
        characters=lengths,
        spaces=spaces,
        repeats=np.array(repeats, dtype=np.int64),
        **_hashed(read, lengths, spaces),
    )


def _hashed(read: Sequence[str], lengths: np.ndarray, spaces: np.ndarray) -> dict[str, np.ndarray]:
    joined = "".join(chain([BREAK], *((line, BREAK) for line in read)))
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    places = np.minimum(codes, LAST).astype(np.intp)
    sizes = np.minimum(lengths, HEAD + TAIL + 1)
    # Of each line and the three breaks before it: where the breaks begin.
    begins = np.concatenate([[0], np.cumsum(sizes + len(BREAK))])[:-1].astype(np.intp)
    words, word_ends, capitals = _words(places, begins)
    pairs, pair_ends = _pairs(words, word_ends)
    grams, gram_ends = _grams(places, begins)
    first, second = class_counts()
    classes = np.concatenate(
        [
            np.add.reduceat(table.take(places), begins).view(np.uint8).reshape(-1, 8) if len(begins) else _NO_CLASSES
            for table in (first, second)
        ],
        axis=1,
    )
    return {
        "words": words,
        "word_ends": word_ends,
        "pairs": pairs,
        "pair_ends": pair_ends,
        "grams": grams,
        "gram_ends": gram_ends,
        **_shapes(places, begins, sizes, spaces),
        "classes": classes,
        "capitals": capitals,
    }


_NO_CLASSES = np.zeros((0, 8), dtype=np.uint8)


def _powers(base: int, count: int) -> np.ndarray:
    """Return base^0, base^1, ... modulo 2^32."""
    values = np.full(count, base, dtype=np.uint32)
    values[0] = 1
    return np.multiply.accumulate(values, dtype=np.uint32)


class _PowerTables:
    """Powers of the base and of its inverse, grown as longer batches come."""

    def __init__(self) -> None:
        self.up = self.down = np.ones(1, dtype=np.uint32)

    def of(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        if count > len(self.up):
            size = 1 << count.bit_length()
            self.up = _powers(_BASE, size)
            self.down = _powers(pow(_BASE, -1, 1 << 32), size)
        return self.up[:count], self.down


_TABLES = _PowerTables()


def mixed(values: np.ndarray, bits: int) -> np.ndarray:
    """Return hashes of `bits` bits of 32-bit values, as int32."""
    found = values ^ (values >> np.uint32(15))
    found *= _MIX
    found ^= found >> np.uint32(13)
    found *= np.uint32(0xC2B2AE35)
    return (found >> np.uint32(32 - bits)).astype(np.int32)


def _words(places: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = word_values().take(places)
    inside = values != 0
    starts_word = inside.copy()
    starts_word[1:] &= ~inside[:-1]
    alone = values >= UNSPACED_BIT
    if alone.any():
        starts_word |= alone
        starts_word[1:] |= alone[:-1] & inside[1:]
    starts = np.flatnonzero(starts_word)
    ends = np.append(np.searchsorted(starts, begins[1:]), len(starts)) if len(begins) else np.zeros(0, dtype=np.int64)
    if not len(starts):
        return np.zeros(0, dtype=np.uint32), ends, np.zeros(len(begins), dtype=np.int64)
    up, down = _TABLES.of(len(places))
    values *= up
    hashes = np.add.reduceat(values, starts, dtype=np.uint32) * down.take(starts)
    first, _ = class_counts()
    capital = first.take(places.take(starts)) == 1
    total = np.concatenate([[0], np.cumsum(capital)])
    return hashes, ends, np.diff(total.take(ends), prepend=0)


def _pairs(words: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = np.diff(ends, prepend=0)
    pairs = words * np.uint32(0x27D4EB2F)
    pairs[:-1] += words[1:]
    within = np.ones(len(words), dtype=bool)
    within[ends[counts > 0] - 1] = False
    return mixed(pairs[within], PAIR_BITS), np.cumsum(np.maximum(counts - 1, 0))


def _grams(places: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    characters = folded().take(places)
    count = max(0, len(places) - GRAM + 1)
    sums = characters[:count] * np.uint32(0x01000193)
    sums += characters[1 : count + 1]
    sums *= np.uint32(0x01000193)
    sums += characters[2 : count + 2]
    sums *= np.uint32(0x01000193)
    sums += characters[3 : count + 3]
    return mixed(sums, GRAM_BITS), np.append(begins[1:], count) if len(begins) else begins


def _shapes(places: np.ndarray, begins: np.ndarray, sizes: np.ndarray, spaces: np.ndarray) -> dict[str, np.ndarray]:
    """Return `edges` and `shapes`: a line's length (0 to 31), last character (32 to 255), beginning (256 to 511)."""
    first = places.take(begins + len(BREAK))
    last = places.take(begins + len(BREAK) + sizes - 1)
    edges = np.stack([class_codes().take(first), class_codes().take(last)], axis=1)
    length = np.minimum(31, np.rint(3 * np.sqrt(spaces + 2))).astype(np.int64)
    # All letters and digits of a class begin a line alike; punctuation marks each in its own way.
    start = np.where(edges[:, 0] < LETTERS_AND_DIGITS, edges[:, 0], 16 + first % 224)
    shapes = np.stack([length, 32 + folded().take(last) % 224, 256 + start], axis=1).astype(np.int32)
    return {"shapes": shapes, "edges": edges}
