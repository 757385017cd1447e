"""Removing ranges of lines that may overlap, each line once.

Belongs here: LineRemoval, which both execution modes use.
"""

from collections.abc import Sequence


class LineRemoval:
    """The lines 0 to count - 1, from which ranges are taken away.

    Every line points to a candidate for the next line still there (a disjoint-set forest), so any number of overlapping
    ranges costs time close to linear in lines plus ranges, whatever the ranges' size.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = list(range(count + 1))
        self._untouched = 0  # from this line on nothing was removed

    def remove(self, start: int, end: int) -> Sequence[int]:
        """Take away the lines start to end, both inclusive, and return those of them that were still there.

        Numbers that are no lines are passed over.
        """
        last = min(end, self._count - 1)
        if self._untouched <= start <= last:  # ranges in order, as nearly every program has them
            self._next[start : last + 1] = [last + 1] * (last + 1 - start)
            self._untouched = last + 1
            return range(start, last + 1)
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

    def _remaining(self, line: int) -> int:
        following = self._next
        while following[line] != line:
            following[line] = following[following[line]]
            line = following[line]
        return line
