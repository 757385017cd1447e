"""What every dialect's `render` needs: the lines that a chunk shows, and an error for what a dialect cannot say."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from prox_assets.programs.operations import InsertLine, Operation, RemoveLines, ReplaceInLine
from prox_assets.programs.operations import render as render_canonically


class CannotSayError(ValueError):
    """A dialect has no word for an operation.

    Attributes:
        dialect: Name of the dialect.
        operation: The operation; None if the program holds none, which no dialect can say (`KeepChunk` is a call).
    """

    def __init__(self, dialect: str, operation: Operation | None) -> None:
        """Say what cannot be said, and in which dialect."""
        self.dialect = dialect
        self.operation = operation
        what = "a program without calls" if operation is None else render_canonically([operation])
        super().__init__(f"{dialect} cannot say {what}")


@dataclass(frozen=True, slots=True)
class ShownLines:
    """The lines of a chunk and the numbers that its programs give them.

    Attributes:
        chunk: The chunk's lines, by their numbers in the document from 0.
        lines: Those of them that are shown and numbered, in order.
        first_number: The number of the first line that is shown.
    """

    chunk: range
    lines: Sequence[int]
    first_number: int

    def number(self, line: int) -> int | None:
        """Return the number of a line of the document; None if the chunk does not show it."""
        index = bisect_left(self.lines, line)
        return self.first_number + index if index < len(self.lines) and self.lines[index] == line else None

    def numbers(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first and the last number of the lines `start` to `end` that are shown.

        None if the lines are not all of the chunk, or none of them is shown. A blank line that is not shown goes with
        the line before it, so ranges that differ in such lines only have the same numbers.
        """
        if start < self.chunk.start or end >= self.chunk.stop:
            return None
        first, last = bisect_left(self.lines, start), bisect_right(self.lines, end) - 1
        return (self.first_number + first, self.first_number + last) if first <= last else None


Render = Callable[[Iterable[Operation], ShownLines], str]
"""Writes operations on lines of the document as the models of a dialect write them; raises CannotSayError."""


def renumbered(dialect: str, operations: Iterable[Operation], shown: ShownLines) -> list[Operation]:
    """Return operations with the numbers of the shown lines instead of those of the document.

    Raises:
        CannotSayError: There is no operation, or one names a line that is not shown.
    """
    found: list[Operation] = []
    for operation in operations:
        numbered = _renumbered(operation, shown)
        if numbered is None:
            raise CannotSayError(dialect, operation)
        found.append(numbered)
    if not found:
        raise CannotSayError(dialect, None)
    return found


def _renumbered(operation: Operation, shown: ShownLines) -> Operation | None:
    match operation:
        case RemoveLines(start, end):
            numbers = shown.numbers(start, end)
            return None if numbers is None else RemoveLines(*numbers)
        case ReplaceInLine():
            line = shown.number(operation.line)
            return None if line is None else replace(operation, line=line)
        case InsertLine():
            before_all = operation.after == shown.chunk.start - 1
            after = shown.first_number - 1 if before_all else shown.number(operation.after)
            return None if after is None else replace(operation, after=after)
        case _:
            return operation


def render_calls(
    dialect: str, operations: Iterable[Operation], shown: ShownLines, spell: Callable[[Operation], str | None]
) -> str:
    """Return a program of one call a line.

    Args:
        dialect: Name of the dialect.
        operations: The operations, with lines of the document from 0.
        shown: The lines that the chunk shows.
        spell: Returns the call of an operation with the numbers of the dialect; None where it has none.

    Raises:
        CannotSayError: The dialect has no call for an operation.
    """
    operations = list(operations)
    calls: list[str] = []
    for operation, numbered in zip(operations, renumbered(dialect, operations, shown), strict=True):
        call = spell(numbered)
        if call is None:
            raise CannotSayError(dialect, operation)
        calls.append(call)
    return "\n".join(calls)
