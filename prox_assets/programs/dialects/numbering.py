"""From the line numbers that a program writes to those of the document, from 0; `rendering` goes the other way.

The dialects count differently: from 0 or from 1, through the document or anew in each chunk, with blank lines or
without. The executor knows one way only. A number that names no line that was shown names none of the chunk's
afterwards either, so the executor sees that it is outside.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

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


def decided_before(
    dialect: Dialect, line_numbers: LineNumbers, lines: Sequence[str], chunks: Iterable[Chunk]
) -> list[range]:
    """Return for each chunk the lines that its program may name although an earlier window decides about them.

    A window that overlaps begins with lines of the one before. Its chunk is only the part of which it decides, and
    where numbers run through the document, they tell the two apart. What lies farther back than two windows can overlap
    was not shown.

    Args:
        dialect: How the programs are written.
        line_numbers: Whether numbers run through the document.
        lines: The lines of the document.
        chunks: Its chunks.
    """
    starts = [chunk.line_start for chunk in chunks]
    most = dialect.overlapping_characters
    if not most or line_numbers != "document" or not any(starts):
        return [range(0)] * len(starts)
    marker = len(dialect.marker.format(number=0)) - 1
    numbered = enumerate(lines, dialect.first_number)
    marked = (marker + len(str(number)) + len(line.rstrip("\r")) for number, line in numbered)
    before = [0, *accumulate(marked)]
    return [range(bisect_left(before, before[start] - most, 0, start), start) for start in starts]


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
