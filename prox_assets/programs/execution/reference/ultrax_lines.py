"""The lines on which the released UltraX executor works: numbered from 1, with inserted ones at fractions between."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence

from prox_assets.programs.execution.line_removal import LineRemoval

Grown = Callable[[], None]
"""Told that a line break was added for an inserted line."""


class Lines:
    """The lines of a text, each with its line break, that can be replaced, removed and inserted between."""

    def __init__(self, text: str) -> None:
        """Begin with the lines of a text as `str.splitlines` finds them."""
        self._lines = text.splitlines(keepends=True)
        self._removal = LineRemoval(len(self._lines))
        self._removed = bytearray(len(self._lines))
        self._positions: list[float] = []
        self._inserted: dict[float, tuple[str, Grown]] = {}

    def __len__(self) -> int:
        """Return how many lines the text had."""
        return len(self._lines)

    def __getitem__(self, number: int) -> str:
        """Return a line of the text by its number from 1."""
        return self._lines[number - 1]

    def put(self, number: int, line: str) -> None:
        """Replace a line of the text."""
        self._lines[number - 1] = line

    def insert(self, base: int, rank: int, line: str, grown: Grown) -> str:
        """Insert a line; return the line that it overwrites, because it is at the same place, or "".

        Raises:
            OverflowError: A number is too large for a float.
        """
        position = base + rank / 10000.0
        if position.is_integer() and 1 <= position <= len(self._lines) and not self._removed[int(position) - 1]:
            before = self._lines[int(position) - 1]
            self._lines[int(position) - 1] = line
            return before
        before, _ = self._inserted.get(position, ("", grown))
        if position not in self._inserted:
            insort(self._positions, position)
        self._inserted[position] = (line, grown)
        return before

    def remove(self, first: int, last: int) -> tuple[Sequence[int], int]:
        """Remove the lines with these numbers and the inserted lines between them.

        Returns:
            The lines of the text that went, by their place from 0, and the characters of all lines that went.
        """
        gone = self._removal.remove(first - 1, last - 1)
        characters = 0
        for place in gone:
            self._removed[place] = 1
            characters += len(self._lines[place])
        start, end = bisect_left(self._positions, first), bisect_right(self._positions, last)
        for position in self._positions[start:end]:
            characters += len(self._inserted.pop(position)[0])
        del self._positions[start : max(start, end)]
        return gone, characters

    def joined(self) -> str:
        """Return what is left as one text; an inserted line gets the line breaks that separate it from others."""
        kept = self._removal.kept()
        result: list[str] = []
        done = 0
        for position in self._positions:
            line, grown = self._inserted[position]
            place = bisect_left(kept, position, key=lambda number: number + 1)
            result += [self._lines[number] for number in kept[done:place]]
            done = place
            if result and result[-1] and not result[-1].endswith("\n"):
                result[-1] += "\n"
                grown()
            is_last = place == len(kept) and position == self._positions[-1]
            if not is_last and line and not line.endswith("\n"):
                line += "\n"
                grown()
            result.append(line)
        return "".join([*result, *(self._lines[number] for number in kept[done:])])
