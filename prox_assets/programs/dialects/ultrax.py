r"""The UltraX dialect: positional calls, one a line, with the line numbers of the document from 1.

Source: arXiv 2607.08646 and github.com/openbmb/UltraX. It knows `keep_all()`, `remove_all()`, `remove_lines(a, b)`,
`replace_str(n, 'old', 'new')` and `add_line(base, sub, 'text')`. In strings, \n, \t, \r, \\ and the string's own quote
are escapes; any other backslash stands for itself.
"""

import re

from prox_assets.programs.dialects.calls import Arguments, Function, String, number, read_calls, without_arguments
from prox_assets.programs.dialects.parsed import ParsedProgram, after_thinking
from prox_assets.programs.operations import (
    MAX_LINE_NUMBER_DIGITS,
    InsertLine,
    KeepChunk,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
)

PLAIN_REMOVAL = re.compile(
    rf"remove_lines\(([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}}), ?([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}})\)\n?"
)
_ESCAPE = re.compile(r"\\([ntr\\\"'])")
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r"}


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(after_thinking(text), _FUNCTIONS, PLAIN_REMOVAL)


def unquote(inside: str) -> str:
    """Return what the characters between the quotes of a string stand for."""
    return _ESCAPE.sub(lambda match: _MEANINGS.get(match.group(1), match.group(1)), inside)


def remove_lines(arguments: Arguments) -> RemoveLines | None:
    """Return the removal that `remove_lines(a, b)` asks for."""
    match arguments:
        case [(None, start), (None, end)]:
            first, last = number(start), number(end)
            return None if first is None or last is None else RemoveLines(first, last)
    return None


def _replace_str(arguments: Arguments) -> ReplaceInLine | None:
    match arguments:
        case [(None, line), (None, String(source)), (None, String(target))] if (found := number(line)) is not None:
            return ReplaceInLine(found, unquote(source), unquote(target))
    return None


def _add_line(arguments: Arguments) -> InsertLine | None:
    match arguments:
        case [(None, base), (None, sub), (None, String(text))]:
            after, rank = number(base), number(sub)
            return None if after is None or rank is None else InsertLine(after, unquote(text), rank)
    return None


_FUNCTIONS: dict[str, Function] = {
    "keep_all": without_arguments(KeepChunk()),
    "remove_all": without_arguments(RemoveAll()),
    "remove_lines": remove_lines,
    "replace_str": _replace_str,
    "add_line": _add_line,
}
