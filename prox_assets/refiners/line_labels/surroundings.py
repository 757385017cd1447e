"""The token that ends each line of a prompt, which also tells what surrounds the line.

A causal model decides on a line knowing only what it has read so far. A classifier gains most from how the text goes
on, whether the line occurs again, and how far down the page it stands. All of that is cheap to count. One token per
line says it, at no cost in prompt length, and the line's label is read off at that token. prompts.py puts the tokens
into prompts.

A line token stands for one value of each of `FACTORS`. There are thousands of them, too many to learn one by one, so
training learns one vector per value and adds them up (training/fit/adapter.py).
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import prod

# Largest number of words in each bucket; the last bucket has no bound.
SHAPE_BOUNDS = (1, 4, 10, 25)
MEAN_BOUNDS = (1.5, 3.0, 6.0, 11.0, 20.0)
FAR_BOUNDS = (3.0, 7.0, 15.0)
# How many of the next lines each mean reaches over.
NEAR_LINES, FAR_LINES = 10, 40
PLACES = 6
# Largest number of words of a document in each bucket; the last bucket has no bound.
SIZE_BOUNDS = (60, 120, 250, 500, 1000, 2000, 4000)
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
# In scripts without spaces, this many letters count as a word: Chinese and Japanese words have about two.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
_LETTERS_PER_WORD = 2

# Shapes of the next line: a bucket of words and whether it ends a sentence; the last shape means that there is none.
_SHAPES = 2 * (len(SHAPE_BOUNDS) + 1) + 1
FACTORS = {
    "place": PLACES,
    "next": _SHAPES,
    "near": len(MEAN_BOUNDS) + 1,
    "far": len(FAR_BOUNDS) + 1,
    "again": 2,
    "gap": 2,
}
"""What a line token tells, each with its number of values.

place: where in the document the line stands; next: the shape of the next line; near, far: mean words of the next 10 and
40 lines; again: whether the line occurs more than once; gap: whether a blank line follows.
"""
LINE_TOKENS = tuple(f"<line{index}>" for index in range(prod(FACTORS.values())))
SIZE_TOKENS = tuple(f"<size{bucket}>" for bucket in range(len(SIZE_BOUNDS) + 1))


def line_token_values(index: int) -> tuple[int, ...]:
    """Return the value of each of `FACTORS` that the line token at an index of `LINE_TOKENS` stands for."""
    values: list[int] = []
    for size in reversed(FACTORS.values()):
        index, value = divmod(index, size)
        values.append(value)
    return tuple(reversed(values))


def document_size(lines: Sequence[str]) -> int:
    """Return the index, in `SIZE_TOKENS`, of the token for a document's length in words."""
    return bisect_left(SIZE_BOUNDS, sum(map(word_count, lines)))


def word_count(line: str) -> int:
    """Return the number of words of a line, at least 1; in scripts without spaces two letters count as a word."""
    return max(1, len(line.split()), len(_UNSPACED.findall(line)) // _LETTERS_PER_WORD)


def line_tokens(lines: Sequence[str]) -> list[int | None]:
    """Return the index, in `LINE_TOKENS`, of each line of a document; None for blank lines, which are not shown."""
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    shown = [lines[number].strip() for number in numbers]
    words = [word_count(line) for line in shown]
    repeats = Counter(shown)
    shapes = [
        2 * bisect_left(SHAPE_BOUNDS, count) + (SENTENCE_END.search(line) is not None)
        for line, count in zip(shown, words, strict=True)
    ]
    followed = [*shapes, _SHAPES - 1][1:]
    found: list[int | None] = [None] * len(lines)
    for number, line, following, (near, far) in zip(numbers, shown, followed, _means_ahead(words), strict=True):
        values = (
            PLACES * number // len(lines),
            following,
            bisect_left(MEAN_BOUNDS, near),
            bisect_left(FAR_BOUNDS, far),
            repeats[line] > 1,
            number + 1 < len(lines) and not lines[number + 1].strip(),
        )
        index = 0
        for size, value in zip(FACTORS.values(), values, strict=True):
            index = index * size + value
        found[number] = index
    return found


def _means_ahead(words: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Yield, for each line, the mean words of the next 10 and 40 lines; 0 where none follows."""
    sums = [0, *accumulate(words)]
    for start in range(1, len(words) + 1):
        ends = (min(len(words), start + reach) for reach in (NEAR_LINES, FAR_LINES))
        near, far = ((sums[end] - sums[start]) / max(1, end - start) for end in ends)
        yield near, far
