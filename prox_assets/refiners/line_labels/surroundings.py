"""What a model is told of the lines around a line, beside the line itself: a few special tokens in front of its number.

A causal model decides a line knowing only what it has read; how the text goes on, whether the line comes again, and how
far down the page it stands are what a classical classifier gains most from. They are cheap to count, so the prompt says
them.

Belongs here: which tokens there are, and which of them a line gets. Not here: prompts (line_labels.py).
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

# Largest number of words of each bucket but the last.
WORD_BOUNDS = (1, 2, 4, 8, 15, 30, 60)
PLACES = 10
# Lines whose shapes are shown ahead, one by one.
PEEKED_LINES = 3
# How many lines ahead the two averages reach, and the largest mean number of words of each of their buckets.
NEAR_LINES, FAR_LINES = 10, 40
MEAN_BOUNDS = (1.5, 3.0, 5.0, 8.0, 12.0, 18.0, 28.0)
# Largest number of words of a document of each bucket but the last.
SIZE_BOUNDS = (60, 120, 250, 500, 1000, 2000, 4000)
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
# Letters of a script without spaces that are counted as a word: Chinese and Japanese words have about two.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
_LETTERS_PER_WORD = 2


def shape_token(bucket: int, ends_sentence: bool, repeated: bool) -> str:
    """Return the token of a line's shape: bucket of its length in words, and two marks."""
    return f"<shape{bucket}{'.' if ends_sentence else ''}{'*' if repeated else ''}>"


def place_token(tenth: int) -> str:
    """Return the token that says in which tenth of its document a line stands."""
    return f"<place{tenth}>"


def mean_token(name: str, bucket: int | None) -> str:
    """Return the token of the mean number of words of the lines that follow; None where none follows."""
    return f"<{name}{'-' if bucket is None else bucket}>"


def size_token(bucket: int) -> str:
    """Return the token of a document's length."""
    return f"<size{bucket}>"


END_TOKEN = "<shape->"  # noqa: S105 (no line there)
_BUCKETS = range(len(WORD_BOUNDS) + 1)
_MEANS = (None, *range(len(MEAN_BOUNDS) + 1))
SURROUNDING_TOKENS: tuple[str, ...] = (
    *(shape_token(bucket, end, again) for bucket in _BUCKETS for end in (False, True) for again in (False, True)),
    END_TOKEN,
    *map(place_token, range(PLACES)),
    *(mean_token(name, bucket) for name in ("near", "far") for bucket in _MEANS),
    *map(size_token, range(len(SIZE_BOUNDS) + 1)),
)
"""Every token of this module, each a special token of the tokenizer."""
TOKENS_PER_LINE = 1 + 1 + PEEKED_LINES + 2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is told of one line.

    Attributes:
        forward: Tokens for reading downwards: those ahead are the lines below.
        backward: Tokens for reading upwards: those ahead are the lines above.
    """

    forward: tuple[str, ...]
    backward: tuple[str, ...]


def document_size(lines: Sequence[str]) -> str:
    """Return the token of a document's length in words."""
    return size_token(bisect_left(SIZE_BOUNDS, sum(map(word_count, lines))))


def surroundings(lines: Sequence[str]) -> list[Surroundings | None]:
    """Return what is told of each line of a document; blank ones are told nothing of, and are nobody's neighbours."""
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    shown = [lines[number].strip() for number in numbers]
    words = [word_count(line) for line in shown]
    repeats = Counter(shown)
    shapes = [
        shape_token(bisect_left(WORD_BOUNDS, count), SENTENCE_END.search(line) is not None, repeats[line] > 1)
        for line, count in zip(shown, words, strict=True)
    ]
    below = _ahead(shapes, words)
    above = _ahead(shapes[::-1], words[::-1])[::-1]
    found: list[Surroundings | None] = [None] * len(lines)
    for number, shape, down, up in zip(numbers, shapes, below, above, strict=True):
        own = (place_token(PLACES * number // len(lines)), shape)
        found[number] = Surroundings((*own, *down), (*own, *up))
    return found


def word_count(line: str) -> int:
    """Return the number of words of a line, 1 at least; two letters are a word where there are no spaces."""
    return max(1, len(line.split()), len(_UNSPACED.findall(line)) // _LETTERS_PER_WORD)


def _ahead(shapes: Sequence[str], words: Sequence[int]) -> list[tuple[str, ...]]:
    """Return, for each line, the shapes of the next lines and the mean lengths of the next ten and forty."""
    sums = [0, *accumulate(words)]
    count = len(shapes)

    def mean(name: str, start: int, reach: int) -> str:
        end = min(count, start + reach)
        if start >= end:
            return mean_token(name, None)
        return mean_token(name, bisect_left(MEAN_BOUNDS, (sums[end] - sums[start]) / (end - start)))

    padded = [*shapes, *[END_TOKEN] * PEEKED_LINES]
    return [
        (
            *padded[place : place + PEEKED_LINES],
            mean("near", place, NEAR_LINES),
            mean("far", place, FAR_LINES),
        )
        for place in range(1, count + 1)
    ]
