"""From the line numbers that a program writes to those of the document, from 0; `rendering` goes the other way.

The dialects count differently: from 0 or from 1, through the document or anew in each chunk, with blank lines or
without. The executor knows one way only. A number that names no line that was shown names none of the chunk's
afterwards either, so the executor sees that it is outside.
"""

from collections.abc import Iterable
from dataclasses import replace

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.dialect import Dialect, LineNumbers
from prox_assets.programs.dialects.parsed import ParseError
from prox_assets.programs.dialects.rendering import ShownLines
from prox_assets.programs.operations import (
    MAX_LINE_NUMBER_DIGITS,
    InsertLine,
    Operation,
    RemoveLines,
    ReplaceInLine,
)

_LARGEST = 10**MAX_LINE_NUMBER_DIGITS - 1


def decided_before(dialect: Dialect, line_numbers: LineNumbers, chunk: Chunk) -> range:
    """Return the lines of the document that a program may name although an earlier window decides about them.

    A window that overlaps begins with lines of the one before. Its chunk is only the part of which it decides, and
    where numbers run through the document, they tell the two apart.
    """
    return range(chunk.line_start if dialect.overlaps and line_numbers == "document" else 0)


def number_by_document(
    calls: Iterable[Operation | ParseError], shown: ShownLines, earlier: range
) -> tuple[Operation | ParseError, ...]:
    """Return the calls of a chunk's program with the line numbers of the document.

    Where blank lines are not shown, the removal of a line takes the blank lines after it along, and an inserted line
    follows them. A range that begins in `earlier` and ends in the chunk begins with the chunk instead.

    Args:
        calls: What was written.
        shown: The lines of the chunk and their numbers.
        earlier: See `decided_before`.
    """
    return tuple(call if isinstance(call, ParseError) else _numbered(call, shown, earlier) for call in calls)


def _numbered(operation: Operation, shown: ShownLines, earlier: range) -> Operation:
    match operation:
        case RemoveLines(start, end):
            first, last = _line(shown, start), _last(shown, end)
            return RemoveLines(earlier.stop if first in earlier and last >= earlier.stop else first, last)
        case ReplaceInLine():
            return replace(operation, line=_line(shown, operation.line))
        case InsertLine():
            return replace(operation, after=_last(shown, operation.after))
    return operation


def _line(shown: ShownLines, number: int) -> int:
    """Return the line with a number; numbers before the first and after the last one go on beyond the chunk."""
    index = number - shown.first_number
    if index < 0:
        line = shown.chunk.start + index
    elif index < len(shown.lines):
        line = shown.lines[index]
    else:
        line = shown.chunk.stop + index - len(shown.lines)
    return max(-_LARGEST, min(line, _LARGEST))


def _last(shown: ShownLines, number: int) -> int:
    """Return the last line that goes with the line with a number: the last of the blank lines that follow it."""
    return _line(shown, number) if number < shown.first_number else _line(shown, number + 1) - 1
