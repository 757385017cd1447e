"""Removing ranges of lines that may overlap, each line once.

Belongs here: LineRemoval, which both execution modes use, and the ranges of lines that they report.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class LineRange(NamedTuple):
    """The lines line_start to line_end of a document, 0-based and inclusive."""

    line_start: int
    line_end: int


def ranges_of(lines: Iterable[int]) -> tuple[LineRange, ...]:
    """Return ascending line numbers as the fewest ranges that hold them and no other."""
    ranges: list[LineRange] = []
    for line in lines:
        if ranges and line == ranges[-1].line_end + 1:
            ranges[-1] = LineRange(ranges[-1].line_start, line)
        else:
            ranges.append(LineRange(line, line))
    return tuple(ranges)


class LineRemoval:
    """The lines 0 to count - 1, from which ranges are taken away.

    Every line points to a candidate for the next line still there (a disjoint-set forest), so any number of overlapping
    ranges costs time close to linear in lines plus ranges, whatever the ranges' size.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = list(range(count + 1))
        self._untouched = 0  # from this line on nothing was removed
        self._in_order: list[tuple[int, int]] | None = []  # what was removed, until a range comes out of order

    def remove(self, start: int, end: int) -> Sequence[int]:
        """Take away the lines start to end, both inclusive, and return those of them that were still there.

        Numbers that are no lines are passed over.
        """
        last = min(end, self._count - 1)
        if self._untouched <= start <= last:  # ranges in order, as nearly every program has them
            self._next[start : last + 1] = [last + 1] * (last + 1 - start)
            self._untouched = last + 1
            if self._in_order is not None:
                self._in_order.append((start, last))
            return range(start, last + 1)
        self._in_order = None
        removed: list[int] = []
        self._untouched = max(self._untouched, last + 1)
        line = self._remaining(min(max(start, 0), self._count))
        while line <= last:
            removed.append(line)
            self._next[line] = line + 1
            line = self._remaining(line + 1)
        return removed

    def kept(self) -> list[int]:
        """Return the lines still there, in order."""
        return [line for line in range(self._count) if self._next[line] == line]

    def removed(self, offset: int = 0) -> tuple[LineRange, ...]:
        """Return the lines that are gone, each number raised by an offset, as the fewest ranges."""
        if self._in_order is None:
            return ranges_of(line + offset for line in range(self._count) if self._next[line] != line)
        ranges: list[LineRange] = []
        for start, end in self._in_order:
            if ranges and start + offset == ranges[-1].line_end + 1:
                ranges[-1] = LineRange(ranges[-1].line_start, end + offset)
            else:
                ranges.append(LineRange(start + offset, end + offset))
        return tuple(ranges)

    def _remaining(self, line: int) -> int:
        following = self._next
        while following[line] != line:
            following[line] = following[following[line]]
            line = following[line]
        return line
