"""The ProX dialect: function calls as the ProX models and their annotators write them.

It accepts `keep_doc()`, `drop_doc()`, and `keep_chunk()` with its other names `skip_chunk()`, `untouch_doc()` and
`keep_all()`; `remove_lines` with `line_start`/`line_end`, `start`/`end`, positional numbers or `all=True`; `normalize`
with `source_str`/`target_str` or positional strings, where the target defaults to "". Strings have the escapes of
`string_literals`.
"""

import re
from collections.abc import Iterable

from prox_assets.programs.dialects.calls import Arguments, Function, String, bind, number, read_calls, without_arguments
from prox_assets.programs.dialects.parsed import ParsedProgram
from prox_assets.programs.dialects.rendering import ShownLines, render_calls
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
from prox_assets.programs.operations import render as render_canonically
from prox_assets.programs.string_literals import unquote

PLAIN_REMOVAL = re.compile(
    rf"remove_lines\((?:line_)?start=([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}}), ?(?:line_)?end="
    rf"([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}})\)\n?"
)
_OPERATIONS = (KeepDoc, DropDoc, KeepChunk, RemoveLines, RemoveAllLines, Normalize)
_REMOVE_LINES_PARAMETERS = {"line_start": 0, "start": 0, "line_end": 1, "end": 1}
_NORMALIZE_PARAMETERS = {"source_str": 0, "target_str": 1}


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(text, FUNCTIONS, PLAIN_REMOVAL)


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document, in the spelling of the paper (table 1).

    Raises:
        CannotSayError: One of them is none of ProX.
    """
    return render_calls("prox", operations, shown, spell)


def spell(operation: Operation) -> str | None:
    """Return the call of an operation of ProX; None for any other."""
    return render_canonically([operation]) if isinstance(operation, _OPERATIONS) else None


def _remove_lines(arguments: Arguments) -> RemoveLines | RemoveAllLines | None:
    if arguments == [("all", True)] and arguments[0][1] is True:
        return RemoveAllLines()
    bound = bind(arguments, _REMOVE_LINES_PARAMETERS) or {}
    start, end = number(bound.get(0)), number(bound.get(1))
    return None if start is None or end is None else RemoveLines(start, end)


def _normalize(arguments: Arguments) -> Normalize | None:
    match bind(arguments, _NORMALIZE_PARAMETERS):
        case {0: String(source), 1: String(target)}:
            pass
        case {0: String(source), **rest} if not rest:
            target = ""
        case _:
            return None
    read = (unquote(source), unquote(target))
    return Normalize(*read, verbatim=None if read == (source, target) else (source, target))


FUNCTIONS: dict[str, Function] = {
    "keep_doc": without_arguments(KeepDoc()),
    "drop_doc": without_arguments(DropDoc()),
    **dict.fromkeys(("keep_chunk", "skip_chunk", "untouch_doc", "keep_all"), without_arguments(KeepChunk())),
    "remove_lines": _remove_lines,
    "normalize": _normalize,
}
