"""Removing ranges of lines that may overlap, each line once.

Belongs here: LineRemoval, which both execution modes use, and the ranges of lines that they report.
"""

from collections.abc import Iterable, Sequence

LineRange = tuple[int, int]
"""First and last line of a range, 0-based and inclusive.

A plain tuple: a NamedTuple takes fourteen times as long to make, and making records is most of an execution's time.
"""


def ranges_of(lines: Iterable[int]) -> tuple[LineRange, ...]:
    """Return ascending line numbers as the fewest ranges that hold them and no other."""
    ranges: list[LineRange] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
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
        self._ranges: list[LineRange] = []  # what was removed
        self._in_order = True  # and whether its ranges are in order, none of them twice

    def remove(self, start: int, end: int) -> Sequence[int]:
        """Take away the lines start to end, both inclusive, and return those of them that were still there.

        Numbers that are no lines are passed over.
        """
        last = min(end, self._count - 1)
        if self._untouched <= start <= last:  # ranges in order, as nearly every program has them
            self._next[start : last + 1] = [last + 1] * (last + 1 - start)
            self._untouched = last + 1
            self._ranges.append((start, last))
            return range(start, last + 1)
        self._in_order = False
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
        if not self._in_order:
            return ranges_of(line + offset for line in range(self._count) if self._next[line] != line)
        ranges: list[LineRange] = []
        first, last = 0, -1
        for start, end in self._ranges:
            if start > last + 1:
                if last >= 0:
                    ranges.append((first + offset, last + offset))
                first = start
            last = end
        if last >= 0:
            ranges.append((first + offset, last + offset))
        return tuple(ranges)

    def _remaining(self, line: int) -> int:
        following = self._next
        while following[line] != line:
            following[line] = following[following[line]]
            line = following[line]
        return line
