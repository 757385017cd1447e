"""Tokens that tell a model about a line's surroundings: a few special tokens in front of the line's number.

A causal model decides on a line knowing only what it has read so far. A classical classifier gains most from how the
text goes on, whether the line occurs again, and how far down the page it stands. These are cheap to count, so the
prompt states them. prompts.py puts the tokens into prompts.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

# Largest number of words in each bucket; the last bucket has no bound.
WORD_BOUNDS = (1, 2, 4, 8, 15, 30, 60)
PLACES = 10
# How many of the next lines have their shapes shown, one by one.
PEEKED_LINES = 3
# How many lines ahead the two averages reach, and the largest mean number of words in each of their buckets.
NEAR_LINES, FAR_LINES = 10, 40
MEAN_BOUNDS = (1.5, 3.0, 5.0, 8.0, 12.0, 18.0, 28.0)
# Largest number of words of a document in each bucket; the last bucket has no bound.
SIZE_BOUNDS = (60, 120, 250, 500, 1000, 2000, 4000)
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
# In scripts without spaces, this many letters count as a word: Chinese and Japanese words have about two.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
_LETTERS_PER_WORD = 2


# By the bucket of a line's length in words, whether it ends a sentence, and whether it occurs again.
_SHAPES = {
    (bucket, ends, again): f"<shape{bucket}{'.' if ends else ''}{'*' if again else ''}>"
    for bucket in range(len(WORD_BOUNDS) + 1)
    for ends in (False, True)
    for again in (False, True)
}
END_TOKEN = "<shape->"  # noqa: S105 (no line there)
_PLACES = [f"<place{tenth}>" for tenth in range(PLACES)]
# By the bucket of the mean number of words in the lines that follow; last where none follow.
_NEAR, _FAR = ([f"<{name}{bucket}>" for bucket in (*range(len(MEAN_BOUNDS) + 1), "-")] for name in ("near", "far"))
_SIZES = [f"<size{bucket}>" for bucket in range(len(SIZE_BOUNDS) + 1)]
SURROUNDING_TOKENS = (*_SHAPES.values(), END_TOKEN, *_PLACES, _NEAR[-1], *_NEAR[:-1], _FAR[-1], *_FAR[:-1], *_SIZES)
"""All tokens of this module; each is a special token of the tokenizer."""
TOKENS_PER_LINE = 1 + 1 + PEEKED_LINES + 2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The tokens about one line's surroundings.

    Attributes:
        forward: Tokens for reading downwards, where the lines ahead are the lines below.
        backward: Tokens for reading upwards, where the lines ahead are the lines above.
    """

    forward: tuple[str, ...]
    backward: tuple[str, ...]


def document_size(lines: Sequence[str]) -> str:
    """Return the token of a document's length in words."""
    return _SIZES[bisect_left(SIZE_BOUNDS, sum(map(word_count, lines)))]


def surroundings(lines: Sequence[str]) -> list[Surroundings | None]:
    """Return the surroundings of each line of a document; None for blank lines, which count as no line's neighbour."""
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    shown = [lines[number].strip() for number in numbers]
    words = [word_count(line) for line in shown]
    repeats = Counter(shown)
    shapes = [
        _SHAPES[bisect_left(WORD_BOUNDS, count), SENTENCE_END.search(line) is not None, repeats[line] > 1]
        for line, count in zip(shown, words, strict=True)
    ]
    below = _ahead(shapes, words)
    above = _ahead(shapes[::-1], words[::-1])[::-1]
    found: list[Surroundings | None] = [None] * len(lines)
    for number, shape, down, up in zip(numbers, shapes, below, above, strict=True):
        own = (_PLACES[PLACES * number // len(lines)], shape)
        found[number] = Surroundings((*own, *down), (*own, *up))
    return found


def word_count(line: str) -> int:
    """Return the number of words of a line, at least 1; in scripts without spaces two letters count as a word."""
    return max(1, len(line.split()), len(_UNSPACED.findall(line)) // _LETTERS_PER_WORD)


def _ahead(shapes: Sequence[str], words: Sequence[int]) -> list[tuple[str, ...]]:
    """Return, for each line, the shapes of the next lines and the mean lengths of the next ten and forty."""
    sums = [0, *accumulate(words)]
    count = len(shapes)

    def mean(tokens: Sequence[str], start: int, reach: int) -> str:
        end = min(count, start + reach)
        return tokens[bisect_left(MEAN_BOUNDS, (sums[end] - sums[start]) / (end - start)) if start < end else -1]

    padded = [*shapes, *[END_TOKEN] * PEEKED_LINES]
    return [
        (*padded[place : place + PEEKED_LINES], mean(_NEAR, place, NEAR_LINES), mean(_FAR, place, FAR_LINES))
        for place in range(1, count + 1)
    ]
