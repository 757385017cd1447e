"""From the line numbers that a program writes to those of the document, from 0.

The dialects count differently: from 0 or from 1, through the document or anew in each chunk, with blank lines or
without. The executor knows one way only. A number that names no line that was shown names none afterwards either, so
the executor sees that it is outside.
"""

from collections.abc import Iterable, Sequence

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.dialect import Dialect, LineNumbers
from prox_assets.programs.dialects.parsed import ParseError
from prox_assets.programs.operations import (
    MAX_LINE_NUMBER_DIGITS,
    InsertLine,
    Operation,
    RemoveLines,
    ReplaceInLine,
)

_LARGEST = 10**MAX_LINE_NUMBER_DIGITS - 1

Call = Operation | ParseError


def shown_lines(lines: Sequence[str], dialect: Dialect) -> Sequence[int]:
    """Return which lines of a chunk have a number in its prompt, counted from the chunk's first line as 0."""
    if dialect.shows_blank_lines:
        return range(len(lines))
    return [place for place, line in enumerate(lines) if line.strip()]


def decided_before(dialect: Dialect, line_numbers: LineNumbers, chunk: Chunk) -> range:
    """Return the lines of the document that a program may name although an earlier window decides about them.

    A window that overlaps begins with lines of the one before. Its chunk is only the part of which it decides, and
    where numbers run through the document, they tell the two apart.
    """
    return range(chunk.line_start if dialect.overlaps and line_numbers == "document" else 0)


def number_by_document(
    calls: Iterable[Call], first_number: int, shown: Sequence[int], chunk: Chunk, earlier: range
) -> tuple[Call, ...]:
    """Return the calls of a chunk's program with the line numbers of the document.

    Where blank lines are not shown, a range that was removed takes the blank lines after each of its lines along, and
    an inserted line follows them. A range that begins in `earlier` and ends in the chunk begins with the chunk.

    Args:
        calls: What was written.
        first_number: The number of the chunk's first shown line in them.
        shown: See `shown_lines`.
        chunk: Where the chunk is in the document.
        earlier: See `decided_before`.
    """
    numbers = _Numbers(first_number, shown, chunk)
    return tuple(call if isinstance(call, ParseError) else _numbered(call, numbers, earlier) for call in calls)


class _Numbers:
    """The line of the document that each number of a chunk's program means."""

    def __init__(self, first_number: int, shown: Sequence[int], chunk: Chunk) -> None:
        self._first_number = first_number
        self._shown = shown
        self._chunk = chunk

    def line(self, number: int) -> int:
        """Return the line with a number; numbers before the first and after the last line go on beyond the chunk."""
        place = number - self._first_number
        if place < 0:
            line = self._chunk.line_start + place
        elif place < len(self._shown):
            line = self._chunk.line_start + self._shown[place]
        else:
            line = self._chunk.line_end + 1 + place - len(self._shown)
        return max(-_LARGEST, min(line, _LARGEST))

    def last(self, number: int) -> int:
        """Return the last line that goes with the line with a number: the last of the blank lines that follow it."""
        return self.line(number) if number < self._first_number else self.line(number + 1) - 1


def _numbered(operation: Operation, numbers: _Numbers, earlier: range) -> Operation:
    match operation:
        case RemoveLines(start, end):
            first, last = numbers.line(start), numbers.last(end)
            return RemoveLines(earlier.stop if first in earlier and last >= earlier.stop else first, last)
        case ReplaceInLine(line, source, target, occurrence):
            return ReplaceInLine(numbers.line(line), source, target, occurrence)
        case InsertLine(after, text, rank):
            return InsertLine(numbers.last(after), text, rank)
    return operation
