"""The ProX dialect: function calls as the ProX models and their annotators write them.

The scanner turns program text into operations. It never evaluates anything and reads every character a bounded number
of times. Text that it cannot read becomes a ParseError instead of a guess.

It accepts `keep_doc()`, `drop_doc()`, and `keep_chunk()` with its other names `skip_chunk()`, `untouch_doc()` and
`keep_all()`; `remove_lines` with `line_start`/`line_end`, `start`/`end`, positional numbers or `all=True`; `normalize`
with `source_str`/`target_str` or positional strings, where the target defaults to "". Strings may use either quote,
escapes (`string_literals`), line breaks, and unescaped quotes of their own kind as long as the closing quote is
unambiguous. Comments, blank lines, `;`, Markdown fences and prose around a fence are skipped.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from prox_assets.programs.operations import (
    MAX_LINE_NUMBER_DIGITS,
    DropDoc,
    KeepChunk,
    KeepDoc,
    Normalize,
    Operation,
    RemoveAllLines,
    RemoveLines,
)
from prox_assets.programs.string_literals import unquote

EXCERPT_CHARACTERS = 200

_GAP = re.compile(r"(?:[\s;]++|#[^\n]*+)*+")
_SPACE = re.compile(r"\s*+")
_FENCE = re.compile(r"`{3,}+(?:[A-Za-z]*+[ \t\r]*+(?=\n|\Z))?")
_CALL_HEAD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)[ \t]*+\(")
# The fast path: nearly every call has this form and is read in one step; any other spelling takes the slow path. The
# numbers have at most MAX_LINE_NUMBER_DIGITS digits.
_PLAIN_REMOVAL = re.compile(
    rf"remove_lines\((?:line_)?start=([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}}), ?(?:line_)?end="
    rf"([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}})\)\n?"
)
_KEYWORD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)\s*+=\s*+")
_NUMBER = re.compile(r"-?[0-9]++")
_TRUE = re.compile(r"True\b")

# A quote closes its string if the call visibly continues or ends after it.
# The pattern lists everything that may follow a comma. A string that is not closed this way therefore breaks its call
# at once, and no part of a line is searched again for each of its strings.
_CLOSER = r"(?=\s*+(?:\)|,\s*+(?:[\"')0-9-]|True\b|[A-Za-z_][A-Za-z0-9_]*+\s*+=)))"
_ONE_LINE_STRING = {
    mark: re.compile(rf"{mark}((?:[^{mark}\\\n]++|\\[^\n]|{mark}(?!{_CLOSER}))*+){mark}{_CLOSER}") for mark in "\"'"
}
_ANY_STRING = {mark: re.compile(rf"{mark}((?:[^{mark}\\]++|\\.)*+){mark}", re.DOTALL) for mark in "\"'"}


class ParseErrorReason(StrEnum):
    """Why a piece of a program could not be read."""

    NOT_A_CALL = "not_a_call"
    UNKNOWN_FUNCTION = "unknown_function"
    UNTERMINATED_CALL = "unterminated_call"
    BAD_ARGUMENTS = "bad_arguments"
    NUMBER_TOO_LONG = "number_too_long"
    EMPTY_PROGRAM = "empty_program"
    """Set by the executor if a model's answer contains no call; `parse` returns no operations in that case."""


@dataclass(frozen=True, slots=True)
class ParseError:
    """A piece of program text that is not an operation.

    Attributes:
        reason: Why it is not.
        text: The piece, cut to EXCERPT_CHARACTERS.
    """

    reason: ParseErrorReason
    text: str


@dataclass(frozen=True, slots=True)
class ParsedProgram:
    """A parsed program; `calls` holds operations and errors in the order in which they were written."""

    calls: tuple[Operation | ParseError, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Only the operations, in order."""
        return tuple(call for call in self.calls if not isinstance(call, ParseError))

    @property
    def errors(self) -> tuple[ParseError, ...]:
        """Only the errors, in order."""
        return tuple(call for call in self.calls if isinstance(call, ParseError))


class _String(NamedTuple):
    inside: str


_Value = int | bool | _String
_Arguments = list[tuple[str | None, _Value]]


class _UnreadableError(Exception):
    """The current call is broken at `position`."""

    def __init__(self, reason: ParseErrorReason, position: int) -> None:
        self.reason = reason
        self.position = position


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    calls: list[Operation | ParseError] = []
    outside_prose: set[int] = set()
    fences = 0
    position = _after(_GAP, text, 0)
    while position < len(text):
        if plain := _PLAIN_REMOVAL.match(text, position):
            while plain:
                start, end = plain.groups()
                calls.append(RemoveLines(int(start), int(end)))
                position = plain.end()
                plain = _PLAIN_REMOVAL.match(text, position)
        elif fence := _FENCE.match(text, position):
            fences += 1
            position = fence.end()
        elif (head := _CALL_HEAD.match(text, position)) and head.group(1) in _FUNCTIONS:
            call, position = _read_call(text, head)
            calls.append(call)
        else:
            # A line of prose can start like a call, "Navigation (top)", so an unknown name skips the rest of the line.
            if fences % 2 == 0:
                outside_prose.add(len(calls))
            end = _line_end(text, position)
            reason = ParseErrorReason.UNKNOWN_FUNCTION if head else ParseErrorReason.NOT_A_CALL
            calls.append(_error(reason, text, position, end))
            position = end
        position = _after(_GAP, text, position)
    if fences:
        # Annotators describe in prose what they then write inside a fence, so drop errors outside fences.
        calls = [call for index, call in enumerate(calls) if index not in outside_prose]
    return ParsedProgram(tuple(calls))


def _read_call(text: str, head: re.Match[str]) -> tuple[Operation | ParseError, int]:
    """Return the call (or why there is none) and the position at which to continue."""
    try:
        arguments, end = _read_arguments(text, head.end())
    except _UnreadableError as broken:
        # Continue with the line on which the call broke, since a valid call may start there; if the call itself starts
        # on that line, skip the line. So no line is read more than twice. A call cut off by the end of the text has
        # consumed everything.
        line_start = text.rfind("\n", head.start(), broken.position) + 1
        at_end = broken.position >= len(text) or not line_start
        resume = _line_end(text, broken.position) if at_end else line_start
        return _error(broken.reason, text, head.start(), resume), resume
    operation = _FUNCTIONS[head.group(1)](arguments)
    return operation or _error(ParseErrorReason.BAD_ARGUMENTS, text, head.start(), end), end


def _read_arguments(text: str, position: int) -> tuple[_Arguments, int]:
    """Read through the closing parenthesis; return (keyword or None, value) pairs and the position after it."""
    arguments: _Arguments = []
    position = _after(_SPACE, text, position)
    while not text.startswith(")", position):
        keyword = _KEYWORD.match(text, position)
        value, position = _read_value(text, keyword.end() if keyword else position)
        arguments.append((keyword.group(1) if keyword else None, value))
        position = _after(_SPACE, text, position)
        if text.startswith(",", position):
            position = _after(_SPACE, text, position + 1)
        elif not text.startswith(")", position):
            raise _UnreadableError(ParseErrorReason.UNTERMINATED_CALL, position)
    return arguments, position + 1


def _read_value(text: str, position: int) -> tuple[_Value, int]:
    if number := _NUMBER.match(text, position):
        if len(number.group().lstrip("-")) > MAX_LINE_NUMBER_DIGITS:
            raise _UnreadableError(ParseErrorReason.NUMBER_TOO_LONG, number.end())
        return int(number.group()), number.end()
    if true := _TRUE.match(text, position):
        return True, true.end()
    mark = text[position : position + 1]
    if mark not in _ANY_STRING:
        at_end = position >= len(text)
        reason = ParseErrorReason.UNTERMINATED_CALL if at_end else ParseErrorReason.BAD_ARGUMENTS
        raise _UnreadableError(reason, position)
    string = _ONE_LINE_STRING[mark].match(text, position) or _ANY_STRING[mark].match(text, position)
    if not string:
        # The string never ends, so everything after its opening quote may be part of it.
        raise _UnreadableError(ParseErrorReason.UNTERMINATED_CALL, len(text))
    return _String(string.group(1)), string.end()


_REMOVE_LINES_PARAMETERS = {"line_start": 0, "start": 0, "line_end": 1, "end": 1}
_NORMALIZE_PARAMETERS = {"source_str": 0, "target_str": 1}


def _without_arguments(operation: Operation) -> Callable[[_Arguments], Operation | None]:
    return lambda arguments: None if arguments else operation


def _remove_lines(arguments: _Arguments) -> RemoveLines | RemoveAllLines | None:
    if arguments == [("all", True)] and arguments[0][1] is True:
        return RemoveAllLines()
    match _bind(arguments, _REMOVE_LINES_PARAMETERS):
        case {0: int(start), 1: int(end)} if start is not True and end is not True:
            return RemoveLines(start, end)
    return None


def _normalize(arguments: _Arguments) -> Normalize | None:
    match _bind(arguments, _NORMALIZE_PARAMETERS):
        case {0: _String(source), 1: _String(target)}:
            pass
        case {0: _String(source), **rest} if not rest:
            target = ""
        case _:
            return None
    read = (unquote(source), unquote(target))
    return Normalize(*read, verbatim=None if read == (source, target) else (source, target))


_FUNCTIONS: dict[str, Callable[[_Arguments], Operation | None]] = {
    "keep_doc": _without_arguments(KeepDoc()),
    "drop_doc": _without_arguments(DropDoc()),
    **dict.fromkeys(("keep_chunk", "skip_chunk", "untouch_doc", "keep_all"), _without_arguments(KeepChunk())),
    "remove_lines": _remove_lines,
    "normalize": _normalize,
}


def _bind(arguments: _Arguments, parameters: dict[str, int]) -> dict[int, _Value] | None:
    """Bind values to parameters as a Python call does; None where Python would raise a TypeError."""
    bound: dict[int, _Value] = {}
    seen_keyword = False
    for index, (keyword, value) in enumerate(arguments):
        place = index if keyword is None else parameters.get(keyword)
        if place is None or place in bound or place > 1 or (keyword is None and seen_keyword):
            return None
        seen_keyword = seen_keyword or keyword is not None
        bound[place] = value
    return bound


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _error(reason: ParseErrorReason, text: str, start: int, end: int) -> ParseError:
    return ParseError(reason, text[start : min(end, start + EXCERPT_CHARACTERS)].rstrip())
