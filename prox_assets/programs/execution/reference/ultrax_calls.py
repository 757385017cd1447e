r"""How the released UltraX code reads an answer: line by line, leniently, and twice.

The inference script reads the answer and writes what it read down again; the executor reads that. The second reading
changes no number, but it changes strings: what Python writes as `\x0b` comes back as four characters.
"""

import re
from typing import Literal, NamedTuple

from prox_assets.programs.operations import (
    InsertLine,
    KeepChunk,
    Operation,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
)

Kind = Literal["keep_all", "remove_all", "remove_lines", "replace_str", "add_line"]

_THINKING = "<think>\n\n</think>\n\n"
_REMOVAL = re.compile(r"remove_lines\((\d+),\s*(\d+)\)")
_STRINGS = {mark: re.compile(rf"{mark}((?:[^{mark}\\]|\\.)*+){mark}", re.DOTALL) for mark in "\"'"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
# How many numbers and strings are between the brackets.
_ARGUMENTS: dict[Kind, tuple[int, int]] = {"replace_str": (1, 2), "add_line": (2, 1)}
_KEPT_BY_REPR = frozenset("\n\t\r")


OPERATION_NAMES: dict[Kind, str] = {
    "keep_all": "keep_chunk",
    "remove_all": "remove_all",
    "remove_lines": "remove_lines",
    "replace_str": "replace_in_line",
    "add_line": "insert_line",
}
"""`Edit.operation` of each kind of call."""


class Call(NamedTuple):
    """One call.

    Attributes:
        kind: The function.
        first: The first number: a line, the first of a range, or the line that an insertion follows.
        second: The second number: the last line of a range, or the rank of an insertion.
        old: The string that "replace_str" looks for.
        new: The string that it puts there, or the line that "add_line" inserts.
    """

    kind: Kind
    first: int = 0
    second: int = 0
    old: str = ""
    new: str = ""

    def reread(self) -> "Call":
        """Return the call after it was written down by Python's repr and read again."""
        return self._replace(old=_reread(self.old), new=_reread(self.new))

    def operation(self) -> Operation | None:
        """Return what the call means, with lines of the document from 0; None if a number has too many digits."""
        try:
            match self.kind:
                case "keep_all":
                    return KeepChunk()
                case "remove_all":
                    return RemoveAll()
                case "remove_lines":
                    return RemoveLines(self.first - 1, self.second - 1)
                case "replace_str":
                    return ReplaceInLine(self.first - 1, self.old, self.new)
                case "add_line":
                    return InsertLine(self.first - 1, self.new, self.second)
        except ValueError:
            return None


def lines_of_answer(answer: str) -> list[str]:
    """Return the lines of an answer that are read, without the white space around them."""
    lines = (line.strip() for line in answer.removeprefix(_THINKING).strip().split("\n"))
    return [line for line in lines if line]


def read_call(line: str) -> Call | None:
    """Return the call on a stripped line; None if there is none, and the line has no effect.

    Raises:
        ValueError: A number of `remove_lines` has more digits than Python reads (the released code does not catch it).
    """
    if line == "keep_all()":
        return Call("keep_all")
    if line == "remove_all()":
        return Call("remove_all")
    if removal := _REMOVAL.match(line):
        return Call("remove_lines", int(removal.group(1)), int(removal.group(2)))
    for kind, (numbers, strings) in _ARGUMENTS.items():
        if line.startswith(f"{kind}("):
            # The last character is taken for the closing bracket, whatever it is.
            return _read_arguments(kind, line[len(kind) + 1 : -1], numbers, strings)
    return None


def _read_arguments(kind: Kind, inside: str, number_count: int, string_count: int) -> Call | None:
    numbers: list[int] = []
    strings: list[str] = []
    rest = inside
    for _ in range(number_count):
        number, comma, rest = rest.partition(",")
        if not comma:
            return None
        try:
            numbers.append(int(number.strip()))
        except ValueError:
            return None
        rest = rest.strip()
    for _ in range(string_count):
        mark = rest[:1]
        string = _STRINGS[mark].match(rest) if mark in _STRINGS else None
        if string is None:
            return None
        strings.append(_unescaped(string.group(1), mark))
        rest = rest[string.end() :].lstrip(",").strip()
    first, second = (*numbers, 0)[:2]
    return Call(kind, first, second, *strings) if string_count > 1 else Call(kind, first, second, new=strings[0])


def _unescaped(inside: str, mark: str) -> str:
    def meaning(escape: re.Match[str]) -> str:
        character = escape.group(1)
        return character if character == mark else _MEANINGS.get(character, escape.group())

    return _ESCAPE.sub(meaning, inside) if "\\" in inside else inside


def _reread(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in _KEPT_BY_REPR else repr(character)[1:-1]
        for character in text
    )
