"""Removes ranges of lines that may overlap, each line once; both execution modes use it."""

from collections.abc import Collection, Iterable, Sequence

from prox_assets.programs.refinement import LineRange


def ranges_of(lines: Iterable[int]) -> tuple[LineRange, ...]:
    """Return ascending line numbers as the fewest ranges that cover exactly these lines."""
    ranges: list[LineRange] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
    return tuple(ranges)


class LineRemoval:
    """The lines 0 to count - 1, from which ranges are removed.

    Every line points to a candidate for the next remaining line (a disjoint-set forest), so any number of overlapping
    ranges takes time close to linear in lines plus ranges, whatever the size of the ranges.
    """

    def __init__(self, count: int, spared: Collection[int] = ()) -> None:
        """Begin with all lines.

        Args:
            count: How many there are.
            spared: Lines that stay, whatever ranges they are in.
        """
        self._count = count
        self._next = list(range(count + 1))
        self._untouched = 0  # nothing was removed from this line on
        self._ranges: list[LineRange] = []  # the removed ranges
        self._in_order = not spared  # whether the removed ranges are in order and without overlap
        self._spared = frozenset(spared)
        for line in spared:  # so that no range finds them
            self._next[line] = line + 1
            self._untouched = count

    def remove(self, start: int, end: int) -> Sequence[int]:
        """Remove the lines start to end, both inclusive, and return those that had not been removed before.

        Numbers without a line are ignored.
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
        """Return the remaining lines, in order."""
        return [line for line in range(self._count) if self._next[line] == line or line in self._spared]

    def removed(self, offset: int = 0) -> tuple[LineRange, ...]:
        """Return the removed lines as the fewest ranges, with an offset added to each number."""
        if not self._in_order:
            gone = (line for line in range(self._count) if self._next[line] != line and line not in self._spared)
            return ranges_of(line + offset for line in gone)
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
