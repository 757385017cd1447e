"""A line-by-line diff of a document: the raw lines, with removed and added text marked.

Traces, the report's samples and previews all show this diff, grouped for reading. Its text comes from the web
unchanged, so callers must escape it.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise
from typing import NamedTuple

from prox_assets.programs import Provenance, Segment, SegmentKind

CONTEXT_LINES = 2
REMOVED_LINES_SHOWN = 6
"""Lines shown at either end of a long run of removed lines; the rest is folded."""
# Comparing inside a line takes time quadratic in its words.
WORDS_COMPARED = 400


class Mark(StrEnum):
    """What became of a line or a piece of one."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"
    EDITED = "edited"
    """A line that was kept with changes; never used for a piece."""


class DiffPiece(NamedTuple):
    """A piece of a line."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line.

    Attributes:
        number: 0-based line number in the raw text; None for an added line.
        mark: What became of it.
        pieces: Its pieces, in reading order.
    """

    number: int | None
    mark: Mark
    pieces: tuple[DiffPiece, ...]

    @property
    def characters(self) -> int:
        """Number of characters in its pieces."""
        return sum(len(piece.text) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class DiffGroup:
    """A run of lines.

    Attributes:
        lines: The lines.
        folded: Whether to show only a count of the lines instead of the lines.
    """

    lines: tuple[DiffLine, ...]
    folded: bool


def diff_lines(raw: str, refined: str | None, provenance: Provenance | None) -> list[DiffLine]:
    """Return the raw text's lines with what became of them.

    Args:
        raw: The raw text.
        refined: The refined text; None for a document that was not kept, all of whose lines are removed.
        provenance: The map between the two, which makes the result exact. Without it, lines are compared, and the words
            of a line that seems to have changed.
    """
    if refined is None:
        return [
            DiffLine(number, Mark.REMOVED, _whole(Mark.REMOVED, line)) for number, line in enumerate(raw.split("\n"))
        ]
    return list(_compared(raw, refined) if provenance is None else _traced(raw, refined, provenance))


def grouped(lines: Sequence[DiffLine]) -> list[DiffGroup]:
    """Group lines into runs; the inside of long kept or removed runs is folded."""
    groups: list[DiffGroup] = []
    start = 0
    while start < len(lines):
        mark = lines[start].mark
        end = start + 1
        while end < len(lines) and lines[end].mark is mark:
            end += 1
        run = tuple(lines[start:end])
        beyond = REMOVED_LINES_SHOWN if mark is Mark.REMOVED else CONTEXT_LINES
        # No context is needed before the first line and after the last.
        head = beyond if start > 0 or mark is not Mark.KEPT else 0
        tail = beyond if end < len(lines) or mark is not Mark.KEPT else 0
        if mark in (Mark.KEPT, Mark.REMOVED) and len(run) > head + tail + 1:
            parts = [(run[:head], False), (run[head : len(run) - tail], True), (run[len(run) - tail :], False)]
            groups += [DiffGroup(part, folded) for part, folded in parts if part]
        else:
            groups.append(DiffGroup(run, folded=False))
        start = end
    return groups


def _traced(raw: str, refined: str, provenance: Provenance) -> Iterator[DiffLine]:
    number = 0
    pieces: list[DiffPiece] = []
    last_break = _break_of_last_kept_line(raw, provenance)
    break_removed = False
    waiting: list[DiffLine] = []  # added lines that follow the current one
    for mark, start, end, text in _stretches(raw, refined, provenance):
        if mark is Mark.ADDED:
            if "\n" not in text:
                pieces.append(DiffPiece(mark, text))
            elif text.endswith("\n") and not pieces:
                yield from _added(text[:-1])
            else:
                waiting += _added(text.removeprefix("\n"))
            continue
        place = start
        for line in text.split("\n")[:-1]:
            place += len(line)
            if line:
                pieces.append(DiffPiece(mark, line))
            break_removed = mark is Mark.REMOVED
            yield _line(number, pieces, blank_removed=break_removed and place != last_break)
            yield from waiting
            number, pieces, waiting = number + 1, [], []
            place += 1
        if place < end:
            pieces.append(DiffPiece(mark, raw[place:end]))
    yield _line(number, pieces, blank_removed=break_removed or not provenance.segments)
    yield from waiting


def _added(text: str) -> Iterator[DiffLine]:
    """Yield lines that a program inserted."""
    for line in text.split("\n"):
        yield DiffLine(None, Mark.ADDED, _whole(Mark.ADDED, line))


def _stretches(raw: str, refined: str, provenance: Provenance) -> Iterator[tuple[Mark, int, int, str]]:
    """Yield the raw text in order as (mark, raw start, raw end, text), each replacement after the text it replaced."""
    done = 0
    # Lines inserted at one place, and parts of a replacement in which something else was replaced, have one raw range.
    for (start, end), group in groupby(provenance.segments, key=lambda segment: (segment.raw_start, segment.raw_end)):
        segments = list(group)
        if start > done:
            yield Mark.REMOVED, done, start, raw[done:start]
        done = end
        if segments[0].kind is SegmentKind.COPIED:
            yield Mark.KEPT, start, end, raw[start:end]
        else:
            yield Mark.REMOVED, start, end, raw[start:end]
            yield from ((Mark.ADDED, end, end, text) for text in _put_in(segments, refined))
    if done < len(raw):
        yield Mark.REMOVED, done, len(raw), raw[done:]


def _put_in(segments: Sequence[Segment], refined: str) -> Iterator[str]:
    """Yield what segments of one raw range hold, each inserted line by itself.

    An empty last line has its place in common with the lines before and after it; what tells these apart is on which
    side their line break is.
    """
    start = segments[0].refined_start
    for segment, following in pairwise(segments):
        ends_line = refined[segment.refined_end - 1] == "\n" or refined[following.refined_start] == "\n"
        if segment.kind is SegmentKind.INSERTED and ends_line:
            yield refined[start : segment.refined_end]
            start = following.refined_start
    yield refined[start : segments[-1].refined_end]


def _break_of_last_kept_line(raw: str, provenance: Provenance) -> int:
    """Return the position of the line break that ended the last kept line, if the lines after it were removed; else -1.

    That line break was removed along with the document's last lines. If the last kept line is blank, it must not count
    as removed.
    """
    spans = provenance.removed()
    if not provenance.segments or not spans or spans[-1].end != len(raw):
        return -1
    return raw.find("\n", spans[-1].start)


def _line(number: int, pieces: list[DiffPiece], *, blank_removed: bool) -> DiffLine:
    marks = {piece.mark for piece in pieces}
    if not marks:
        mark = Mark.REMOVED if blank_removed else Mark.KEPT
    else:
        mark = marks.pop() if len(marks) == 1 else Mark.EDITED
    return DiffLine(number, mark, tuple(pieces))


def _compared(raw: str, refined: str) -> Iterator[DiffLine]:
    before, after = raw.split("\n"), refined.split("\n")
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        mark = Mark.KEPT if tag == "equal" else Mark.REMOVED
        if tag == "replace":
            for number, line in zip(range(start, end), after[new_start:new_end], strict=False):
                yield from _changed(number, before[number], line)
            paired = min(end - start, new_end - new_start)
            start, new_start = start + paired, new_start + paired
        for number in range(start, end):
            yield DiffLine(number, mark, _whole(mark, before[number]))
        if tag != "equal":
            for line in after[new_start:new_end]:
                yield DiffLine(None, Mark.ADDED, _whole(Mark.ADDED, line))


def _changed(number: int, old: str, new: str) -> Iterator[DiffLine]:
    """Compare two lines word by word; lines without a common word, and very long ones, show as removed and added."""
    words, others = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    pieces: list[DiffPiece] = []
    if max(len(words), len(others)) <= WORDS_COMPARED:
        for tag, i, j, k, m in difflib.SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
            removed, added = "".join(words[i:j]), "".join(others[k:m])
            pieces += _whole(Mark.KEPT, removed) if tag == "equal" else ()
            pieces += (*_whole(Mark.REMOVED, removed), *_whole(Mark.ADDED, added)) if tag != "equal" else ()
    if any(piece.mark is Mark.KEPT and not piece.text.isspace() for piece in pieces):
        yield DiffLine(number, Mark.EDITED, tuple(pieces))
    else:
        yield DiffLine(number, Mark.REMOVED, _whole(Mark.REMOVED, old))
        yield DiffLine(None, Mark.ADDED, _whole(Mark.ADDED, new))


def _whole(mark: Mark, line: str) -> tuple[DiffPiece, ...]:
    return (DiffPiece(mark, line),) if line else ()
