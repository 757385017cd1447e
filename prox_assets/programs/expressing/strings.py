"""Strings of a line that name one place in it, and nothing else."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from prox_assets.programs.execution.judging import SOURCE_LIMIT

FARTHEST_CONTEXT = 256
"""Characters on each side up to which the shortest context is looked for; beyond, a context that is long enough will
do, so that the cost stays linear in the line."""

FARTHEST_SLIDE = 64
"""How far to either side another range is looked for that leaves the same line."""


_WORD = re.compile(r"\S++")


class ShownLine:
    """A line as dialects show it that leave out blank lines: single spaces between words, and none around them.

    Attributes:
        text: What is shown.
    """

    def __init__(self, line: str) -> None:
        words = [word.span() for word in _WORD.finditer(line)]
        self.text = " ".join([line[start:end] for start, end in words])
        self._starts = [start for start, _ in words]
        self._ends = [end for _, end in words]
        self._shown: list[int] = []
        place = 0
        for start, end in words:
            self._shown.append(place)
            place += end - start + 1

    def span(self, start: int, end: int) -> tuple[tuple[int, int] | None, bool]:
        """Return where a span of the line is in what is shown, None if it is nowhere, and whether all of it is there.

        White space between two words is there if the span has all of it.
        """
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end) - 1
        whole = True
        if first == len(self._starts) or last < 0:
            return None, False
        head, tail = self._shown[first], self._shown[last]
        if start < self._starts[first]:
            takes_all = first > 0 and self._ends[first - 1] == start and self._starts[first] <= end
            whole = takes_all
            head -= takes_all
        else:
            head += start - self._starts[first]
        if end > self._ends[last]:
            takes_all = last + 1 < len(self._starts) and self._starts[last + 1] == end and start <= self._ends[last]
            whole = whole and takes_all
            tail += self._ends[last] - self._starts[last] + takes_all
        else:
            tail += end - self._starts[last]
        return ((head, tail) if head < tail else None), whole


def occurs_once(line: str, string: str) -> bool:
    """Tell whether a line contains a string exactly once, matches that overlap each other counted."""
    place = line.find(string)
    return place >= 0 and line.find(string, place + 1) < 0


def naming(line: str, start: int, end: int, shortest: bool = True) -> tuple[int, int]:
    r"""Return the shortest range around a span of a line whose string occurs once in it; of several, the leftmost.

    Where it would be longer than what is executed, the range is one that is too long, and its string may occur again.
    A `\r` at the end of the line belongs to it only if the span reaches it: other tools take it for a line break.

    Args:
        line: The line, which is not empty.
        start: First character of the span.
        end: Character after the last one; may be `start`.
        shortest: Whether it must be the shortest. One of at most four times the context that is needed takes a small
            part of the time.
    """
    length = len(line) - 1 if line.endswith("\r") and end < len(line) else len(line)
    if start < end and occurs_once(line, line[start:end]):
        return start, end
    radius = 1
    first, last = max(0, start - 1), min(length, end + 1)
    while not occurs_once(line, line[first:last]):
        if first == 0 and last == length:
            return 0, len(line)
        if radius > FARTHEST_CONTEXT and last - first > SOURCE_LIMIT:
            break
        radius *= 2
        first, last = max(0, start - radius), min(length, end + radius)
    if radius > FARTHEST_CONTEXT or not shortest:
        return first, last
    best = first, last
    # Whatever holds a string that occurs once occurs once itself: more on the left never asks for more on the right.
    for left in range(start, first - 1, -1):
        if not occurs_once(line, line[left:last]):
            continue
        while last > end and occurs_once(line, line[left : last - 1]):
            last -= 1
        if last - left <= best[1] - best[0]:
            best = left, last
    return best


def equal_removals(line: str, start: int, end: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the span and then the ranges of its length whose removal leaves the same line, nearest first.

    Args:
        line: The line.
        start: First character of the span.
        end: Character after the last one.
        low: First character that a range may take.
        high: Character after the last one.
    """
    yield start, end
    left = right = True
    for distance in range(1, FARTHEST_SLIDE + 1):
        left = left and start - distance >= low and line[start - distance] == line[end - distance]
        right = right and end + distance <= high and line[end + distance - 1] == line[start + distance - 1]
        if left:
            yield start - distance, end - distance
        if right:
            yield start + distance, end + distance
        if not (left or right):
            return
