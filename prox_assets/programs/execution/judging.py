"""Judges each call of a chunk's program by itself, before any of them is executed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from prox_assets.programs.dialects.parsed import ParseError
from prox_assets.programs.operations import (
    DropDoc,
    InsertLine,
    KeepChunk,
    KeepDoc,
    Normalize,
    Operation,
    RemoveAll,
    RemoveAllLines,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
    call_arguments,
    call_name,
)
from prox_assets.programs.refinement import UNPARSED_OPERATION, Edit, EditStatus, arguments_json

SEARCH_LIMIT = 512
"""Maximum number of different normalize operations executed per chunk, and of replace_in_line operations per line, so
that the cost stays linear in the text."""

SOURCE_LIMIT = 2_000
"""Maximum length of a source string in characters; anything longer is a whole line, a job for remove_lines."""

LOOP_REPEATS = 4
"""Number of repeats of one operation in a program from which it counts as looping."""

_INVALID = re.compile("[\0\ud800-\udfff]")


@dataclass(slots=True)
class Call:
    """One call that will become an Edit; None as status means that it is still to be executed."""

    content: Operation | ParseError
    status: EditStatus | None = None
    characters_removed: int = 0
    characters_added: int = 0


@dataclass(slots=True)
class Judged:
    """The calls of a program, with those that are still to be executed by what they do.

    Attributes:
        calls: All calls, in program order.
        errors: How many of them are errors.
        removals: `RemoveLines`, `RemoveAllLines` and `RemoveAll`.
        replacements: `Normalize` and `ReplaceInLine`.
        insertions: Those that insert a line, each with its operation.
        rewrites: Those that rewrite the chunk, each with its operation.
    """

    calls: list[Call]
    errors: int
    removals: list[Call]
    replacements: list[Call]
    insertions: list[tuple[Call, InsertLine]]
    rewrites: list[tuple[Call, Rewrite]]


class Place(NamedTuple):
    """Which line numbers a program may name.

    Attributes:
        first: The number of the chunk's first line.
        end: The number after its last line's.
        earlier: Numbers about which an earlier window decides (`dialects.numbering.decided_before`).
    """

    first: int
    end: int
    earlier: range = range(0)

    def of_numbers(self, first: int, last: int) -> EditStatus | None:
        """Return what is wrong with naming the numbers first to last."""
        if self.first <= first and last < self.end:
            return None
        return EditStatus.DECIDED_BEFORE if first in self.earlier and last in self.earlier else EditStatus.OUT_OF_RANGE

    def of_insertion(self, after: int) -> EditStatus | None:
        """Return what is wrong with inserting a line after a number."""
        if self.earlier and self.earlier.start - 1 <= after < self.first:
            return EditStatus.DECIDED_BEFORE
        return None if self.first - 1 <= after < self.end else EditStatus.OUT_OF_RANGE


def judge(contents: Iterable[Operation | ParseError], place: Place) -> Judged:
    """Return the calls of a program, with a status where one will not be executed."""
    judged = Judged([Call(content) for content in contents], 0, [], [], [], [])
    seen: dict[Operation | tuple[int, int], int] = {}
    searches: dict[int | None, int] = {}
    first, end, _ = place
    for call in judged.calls:
        content = call.content
        # Most calls are ranges, and a pair of numbers is several times faster to look up than the operation.
        if isinstance(content, RemoveLines):
            key = (content.start, content.end)
        elif isinstance(content, ParseError):
            call.status = EditStatus.UNPARSED
            judged.errors += 1
            continue
        else:
            key = content
        repeats = seen.get(key, 0)
        seen[key] = repeats + 1
        if repeats:
            call.status = EditStatus.LOOPED if repeats >= LOOP_REPEATS else EditStatus.DUPLICATE
        elif isinstance(content, RemoveLines) and first <= content.start <= content.end < end:
            judged.removals.append(call)
        else:
            call.status = _fault(content, place)
            if call.status is None:
                _sort(judged, call, content, searches)
            elif call.status.is_error:
                judged.errors += 1
    return judged


def _sort(judged: Judged, call: Call, operation: Operation, searches: dict[int | None, int]) -> None:
    """Add a sound call to those of its kind; `searches` counts those of each line, and of all lines under None."""
    if isinstance(operation, Normalize | ReplaceInLine):
        line = None if isinstance(operation, Normalize) else operation.line
        searches[line] = searches.get(line, 0) + 1
        if searches[line] > SEARCH_LIMIT:
            call.status = EditStatus.OVER_LIMIT
        else:
            judged.replacements.append(call)
    elif isinstance(operation, InsertLine):
        judged.insertions.append((call, operation))
    elif isinstance(operation, Rewrite):
        judged.rewrites.append((call, operation))
    else:
        judged.removals.append(call)


def readings(operation: Normalize) -> list[tuple[str, str]]:
    """Return the (source, target) pairs to search for, unescaped and as written, except pairs with a line break."""
    pairs = [(operation.source, operation.target)]
    if operation.verbatim and operation.verbatim[0] != operation.source:
        pairs.append(operation.verbatim)
    return [pair for pair in pairs if "\n" not in pair[0] and "\n" not in pair[1]]


def edits(chunk_index: int, calls: Iterable[Call]) -> list[Edit]:
    """Return the record of every call."""
    records: list[Edit] = []
    for position, call in enumerate(calls):
        content = call.content
        if isinstance(content, RemoveLines):  # the common case: two numbers need no JSON encoder
            operation, arguments = "remove_lines", f'{{"line_start": {content.start}, "line_end": {content.end}}}'
        elif isinstance(content, ParseError):
            operation = UNPARSED_OPERATION
            arguments = arguments_json({"reason": content.reason.value, "text": content.text})
        else:
            operation, arguments = call_name(content), arguments_json(call_arguments(content))
        status = call.status or EditStatus.NO_CHANGE
        removed, added = call.characters_removed, call.characters_added
        # `Edit(...)` without the call of a Python function: creating records is most of the work here.
        records.append(tuple.__new__(Edit, (chunk_index, position, operation, arguments, status, removed, added)))
    return records


def _fault(operation: Operation, place: Place) -> EditStatus | None:
    if isinstance(operation, RemoveLines):
        if operation.start > operation.end:
            return EditStatus.REVERSED
        return place.of_numbers(operation.start, operation.end)
    match operation:
        case KeepDoc() | DropDoc():
            return EditStatus.WRONG_LEVEL
        case KeepChunk():
            return EditStatus.NO_CHANGE
        case Normalize(source, target):
            return _replacement_fault(source, target, spans_lines=not readings(operation))
        case ReplaceInLine(line, source, target):
            outside = place.of_numbers(line, line)
            return outside or _replacement_fault(source, target, spans_lines="\n" in source or "\n" in target)
        case InsertLine(after, text):
            return place.of_insertion(after) or _inserted_fault(text, one_line=True)
        case Rewrite(text):
            return _inserted_fault(text, one_line=False)
        case RemoveAll() | RemoveAllLines():
            return None


def _replacement_fault(source: str, target: str, *, spans_lines: bool) -> EditStatus | None:
    if not source:
        return EditStatus.EMPTY_SOURCE
    if source == target:
        return EditStatus.NO_CHANGE
    if spans_lines:
        return EditStatus.SPANS_LINES
    if len(source) > SOURCE_LIMIT:
        return EditStatus.OVER_LIMIT
    return _inserted_fault(target, one_line=False)


def _inserted_fault(text: str, *, one_line: bool) -> EditStatus | None:
    if one_line and "\n" in text:
        return EditStatus.SPANS_LINES
    return None if is_valid(text) else EditStatus.INVALID_TARGET


def is_valid(text: str) -> bool:
    """Tell whether a text has neither NULs nor lone surrogates, which nothing puts into a document."""
    return not _INVALID.search(text)
