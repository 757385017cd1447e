"""The scanner that dialects made of function calls share.

It turns program text into operations by a table of functions. It never evaluates anything and reads every character a
bounded number of times. Text that it cannot read becomes a ParseError instead of a guess.

Strings may use either quote, and hold unescaped quotes of their own kind as long as the closing quote is unambiguous.
Whether they may hold line breaks, and what their escapes mean, is for the dialect. Comments, blank lines, `;`, Markdown
fences and prose around a fence are skipped.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from prox_assets.programs.dialects.parsed import EXCERPT_CHARACTERS, ParsedProgram, ParseError, ParseErrorReason
from prox_assets.programs.operations import MAX_LINE_NUMBER_DIGITS, Operation, RemoveLines

_GAP = re.compile(r"(?:[\s;]++|#[^\n]*+)*+")
_SPACE = re.compile(r"\s*+")
_FENCE = re.compile(r"`{3,}+(?:[A-Za-z]*+[ \t\r]*+(?=\n|\Z))?")
_CALL_HEAD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)[ \t]*+\(")
_KEYWORD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)\s*+=\s*+")
_NUMBER = re.compile(r"-?[0-9]++")
_TRUE = re.compile(r"True\b")

# A quote closes its string if the call visibly continues or ends after it.
# The pattern lists everything that may follow a comma. A string that is not closed this way therefore breaks its call
# at once, and no part of a line is searched again for each of its strings.
_CLOSER = r"(?=\s*+(?:\)|,\s*+(?:[\"')0-9-]|True\b|[A-Za-z_][A-Za-z0-9_]*+\s*+=)))"
_CLOSED_STRING = {
    mark: re.compile(rf"{mark}((?:[^{mark}\\\n]++|\\[^\n]|{mark}(?!{_CLOSER}))*+){mark}{_CLOSER}") for mark in "\"'"
}
STRING_OF_LINES = {mark: re.compile(rf"{mark}((?:[^{mark}\\]++|\\.)*+){mark}", re.DOTALL) for mark in "\"'"}
ONE_LINE_STRING = {mark: re.compile(rf"{mark}((?:[^{mark}\\\n]++|\\[^\n])*+){mark}") for mark in "\"'"}


class String(NamedTuple):
    """The characters between the quotes of a string, as written, and the quotes."""

    inside: str
    mark: str = '"'


Value = int | bool | String
Strings = Mapping[str, re.Pattern[str]]
"""A pattern for each quote, whose group is what stands between two of them."""

Arguments = list[tuple[str | None, Value]]
"""Keyword, or None for a positional argument, and value."""

Function = Callable[[Arguments], Operation | None]
"""Returns the operation that a call with these arguments means; None if it means none."""


class _UnreadableError(Exception):
    """The current call is broken at `position`."""

    def __init__(self, reason: ParseErrorReason, position: int) -> None:
        self.reason = reason
        self.position = position


def read_calls(
    text: str,
    functions: Mapping[str, Function],
    plain: re.Pattern[str],
    strings: Strings = STRING_OF_LINES,
) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text.

    Args:
        text: The program.
        functions: The functions of the dialect, by name.
        plain: Matches the commonest spelling of a removal of lines, its two numbers as groups. Nearly every call has
            that form and is then read in one step; any other spelling takes the slow path.
        strings: What a string may be whose closing quote is not on its line or does not visibly close it:
            STRING_OF_LINES or ONE_LINE_STRING.
    """
    calls: list[Operation | ParseError] = []
    outside_prose: set[int] = set()
    fences = 0
    position = _after(_GAP, text, 0)
    while position < len(text):
        if removal := plain.match(text, position):
            while removal:
                start, end = removal.groups()
                calls.append(RemoveLines(int(start), int(end)))
                position = removal.end()
                removal = plain.match(text, position)
        elif fence := _FENCE.match(text, position):
            fences += 1
            position = fence.end()
        elif (head := _CALL_HEAD.match(text, position)) and head.group(1) in functions:
            call, position = _read_call(text, head, functions[head.group(1)], strings)
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


def _read_call(
    text: str, head: re.Match[str], function: Function, strings: Strings
) -> tuple[Operation | ParseError, int]:
    """Return the call (or why there is none) and the position at which to continue."""
    try:
        arguments, end = _read_arguments(text, head.end(), strings)
    except _UnreadableError as broken:
        # Continue with the line on which the call broke, since a valid call may start there; if the call itself starts
        # on that line, skip the line. So no line is read more than twice. A call cut off by the end of the text has
        # consumed everything.
        line_start = text.rfind("\n", head.start(), broken.position) + 1
        at_end = broken.position >= len(text) or not line_start
        resume = _line_end(text, broken.position) if at_end else line_start
        return _error(broken.reason, text, head.start(), resume), resume
    operation = function(arguments)
    return operation or _error(ParseErrorReason.BAD_ARGUMENTS, text, head.start(), end), end


def _read_arguments(text: str, position: int, strings: Strings) -> tuple[Arguments, int]:
    """Read through the closing parenthesis; return (keyword or None, value) pairs and the position after it."""
    arguments: Arguments = []
    position = _after(_SPACE, text, position)
    while not text.startswith(")", position):
        keyword = _KEYWORD.match(text, position)
        value, position = _read_value(text, keyword.end() if keyword else position, strings)
        arguments.append((keyword.group(1) if keyword else None, value))
        position = _after(_SPACE, text, position)
        if text.startswith(",", position):
            position = _after(_SPACE, text, position + 1)
        elif not text.startswith(")", position):
            raise _UnreadableError(ParseErrorReason.UNTERMINATED_CALL, position)
    return arguments, position + 1


def _read_value(text: str, position: int, strings: Strings) -> tuple[Value, int]:
    if number := _NUMBER.match(text, position):
        if len(number.group().lstrip("-")) > MAX_LINE_NUMBER_DIGITS:
            raise _UnreadableError(ParseErrorReason.NUMBER_TOO_LONG, number.end())
        return int(number.group()), number.end()
    if true := _TRUE.match(text, position):
        return True, true.end()
    mark = text[position : position + 1]
    if mark not in strings:
        at_end = position >= len(text)
        reason = ParseErrorReason.UNTERMINATED_CALL if at_end else ParseErrorReason.BAD_ARGUMENTS
        raise _UnreadableError(reason, position)
    string = _CLOSED_STRING[mark].match(text, position) or strings[mark].match(text, position)
    if not string:
        # The string never ends, so everything after its opening quote that may be part of it is.
        end = _line_end(text, position) if strings is ONE_LINE_STRING else len(text)
        raise _UnreadableError(ParseErrorReason.UNTERMINATED_CALL, end)
    return String(string.group(1), mark), string.end()


def without_arguments(operation: Operation) -> Function:
    """Return the function of a call that takes no arguments."""
    return lambda arguments: None if arguments else operation


def number(value: Value | None) -> int | None:
    """Return a number among the arguments; None where there is something else (True is one in Python)."""
    return value if isinstance(value, int) and value is not True else None


def bind(arguments: Arguments, parameters: Mapping[str, int]) -> dict[int, Value] | None:
    """Bind values to parameters as a Python call does; None where Python would raise a TypeError."""
    last = max(parameters.values())
    bound: dict[int, Value] = {}
    seen_keyword = False
    for index, (keyword, value) in enumerate(arguments):
        place = index if keyword is None else parameters.get(keyword)
        if place is None or place in bound or place > last or (keyword is None and seen_keyword):
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
