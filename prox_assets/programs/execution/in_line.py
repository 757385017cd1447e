"""Executes the calls of a chunk's program that replace strings inside lines: normalize and replace_in_line."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from prox_assets.programs.execution.judging import Call, readings
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.execution.replacing import Search, Tally, replace_all_at_once
from prox_assets.programs.formulas import Span
from prox_assets.programs.operations import Normalize, ReplaceInLine
from prox_assets.programs.refinement import EditStatus

_WORD = re.compile(r"\S++")


class Texts(NamedTuple):
    """The lines of a chunk.

    Attributes:
        shown: All of them.
        kept: Those that stay, counted from 0.
        left: Their texts.
        first_number: The number that calls give to the chunk's first line.
        as_shown: Whether the refiner saw each line with single spaces only and none around it.
    """

    shown: Sequence[str]
    kept: Sequence[int]
    left: Sequence[str]
    first_number: int
    as_shown: bool


def replace_strings(
    texts: Texts,
    calls: Sequence[Call],
    whole_words: bool,
    record: ChunkRecord | None,
    formulas: Mapping[int, tuple[Span, ...]],
) -> Sequence[str]:
    """Set a status on every call; return the lines that stay, with its matches replaced.

    Args:
        texts: The chunk's lines.
        calls: At least one; each has a `Normalize` or a `ReplaceInLine`.
        whole_words: Whether a normalize leaves matches alone that would cut a word.
        record: Receives what is replaced.
        formulas: Where the formulas of the chunk are, by line, counted from 0.
    """
    searches = list(_searches(texts, calls))
    # No source contains a line break, so no match spans lines or reaches a removed line.
    replacements = None if record is None else record.replacements
    protected = list(_in_joined(texts, formulas)) if formulas else []
    joined = "\n".join(texts.left)
    replaced = replace_all_at_once(joined, searches, len(calls), whole_words, replacements, protected)
    if replaced is None:
        for call in calls:
            call.status = call.status or EditStatus.OVER_LIMIT
        if record is not None:
            record.replacements.clear()
        return texts.left
    text, tallies = replaced
    for call, tally in zip(calls, tallies, strict=True):
        call.status = call.status or _status(call, tally)
        call.characters_removed = tally.characters_removed
        call.characters_added = tally.characters_added
    if len(texts.kept) < len(texts.shown):
        _excuse_removed(texts.shown, calls)
    return text.split("\n") if texts.left else texts.left


def _searches(texts: Texts, calls: Sequence[Call]) -> Iterator[Search]:
    """Yield what to search for; a call of one line whose match is not there, or not the only one, gets its status."""
    starts: dict[int, int] | None = None
    lines: dict[int, _Line] = {}
    for owner, call in enumerate(calls):
        operation = call.content
        if isinstance(operation, Normalize):
            yield from [Search(source, target, owner) for source, target in readings(operation)]
        elif isinstance(operation, ReplaceInLine):
            starts = _starts(texts) if starts is None else starts
            line = operation.line - texts.first_number
            if line not in starts:
                call.status = EditStatus.ALREADY_REMOVED
                continue
            text = lines.get(line) or lines.setdefault(line, _Line(texts.shown[line], texts.as_shown))
            place = text.as_shown.find(operation.source)
            if place < 0:
                call.status = EditStatus.NO_MATCH
            elif operation.occurrence == "only" and text.as_shown.find(operation.source, place + 1) >= 0:
                call.status = EditStatus.AMBIGUOUS
            else:
                start, source = text.written(place, place + len(operation.source))
                call.content = replace(operation, source=source)
                yield Search(source, operation.target, owner, starts[line] + start)


class _Line:
    """A line as the refiner saw it, and how each piece of that is written in the page.

    Attributes:
        as_shown: What the refiner saw.
    """

    def __init__(self, line: str, squeezed: bool) -> None:
        self._line = line
        words = list(_WORD.finditer(line)) if squeezed else []
        self.as_shown = " ".join([word.group() for word in words]) if squeezed else line
        self._starts = [word.start() for word in words]
        # Where each word begins in what was shown.
        self._shown = [0, *accumulate(len(word.group()) + 1 for word in words)]

    def written(self, start: int, end: int) -> tuple[int, str]:
        """Return where a piece of what was shown begins in the line, and its characters there."""
        if not self._starts:
            return start, self._line[start:end]
        first = self._place(start)
        last = self._place(end - 1) + 1
        if self.as_shown[end - 1] == " ":  # all of the white space
            last = self._starts[bisect_right(self._shown, end) - 1]
        return first, self._line[first:last]

    def _place(self, shown: int) -> int:
        word = bisect_right(self._shown, shown) - 1
        return self._starts[word] + shown - self._shown[word]


def _starts(texts: Texts) -> dict[int, int]:
    """Return where each line that stays begins when they are joined by line breaks."""
    starts: dict[int, int] = {}
    offset = 0
    for line, text in zip(texts.kept, texts.left, strict=True):
        starts[line] = offset
        offset += len(text) + 1
    return starts


def _in_joined(texts: Texts, formulas: Mapping[int, tuple[Span, ...]]) -> Iterator[Span]:
    """Yield the formulas of single lines as spans of all lines joined by line breaks."""
    for line, offset in _starts(texts).items():
        yield from ((offset + start, offset + end) for start, end in formulas.get(line, ()))


def _excuse_removed(shown: Sequence[str], calls: Sequence[Call]) -> None:
    """Tell strings that were removed with their lines from strings that the chunk never contained.

    A refiner that scores lines and strings separately cannot know which lines a threshold will remove.
    """
    missed = [call for call in calls if call.status is EditStatus.NO_MATCH and isinstance(call.content, Normalize)]
    if not missed:
        return
    # The kept lines contain none of these strings, so a match in the whole chunk is in a removed line.
    text = "\n".join(shown)
    for call in missed:
        if isinstance(call.content, Normalize) and any(source in text for source, _ in readings(call.content)):
            call.status = EditStatus.ALREADY_REMOVED


def _status(call: Call, tally: Tally) -> EditStatus:
    if tally.replaced:
        return EditStatus.APPLIED
    if tally.overlapped:
        return EditStatus.OVERLAPPED
    if tally.protected:
        return EditStatus.PROTECTED
    if tally.cut_words:
        return EditStatus.CUTS_WORD
    # Only the verbatim spelling was searched for.
    operation = call.content
    spans = isinstance(operation, Normalize) and "\n" in operation.source + operation.target
    return EditStatus.SPANS_LINES if spans else EditStatus.NO_MATCH
