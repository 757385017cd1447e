"""The RefineX dialect (arXiv 2507.03253): removals only, of lines and of strings inside a line.

It knows `keep_all()`, `remove_lines(start, end)` and `remove_str(line, 'string')`, which acts only if the line holds
the string exactly once. According to the paper, each chunk has an offset that is added to its line numbers. No code or
model was released, so it is assumed that they start at 0, that lines are marked as ProX marks them, and that strings
are those of UltraX.
"""

from collections.abc import Iterable

from prox_assets.programs.dialects.calls import (
    ONE_LINE_STRING,
    Arguments,
    Function,
    String,
    number,
    read_calls,
    without_arguments,
)
from prox_assets.programs.dialects.parsed import ParsedProgram
from prox_assets.programs.dialects.rendering import ShownLines, render_calls
from prox_assets.programs.dialects.ultrax import PLAIN_REMOVAL, quote, remove_lines
from prox_assets.programs.operations import KeepChunk, Operation, RemoveLines, ReplaceInLine
from prox_assets.programs.string_literals import unquote


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(text, _FUNCTIONS, PLAIN_REMOVAL, ONE_LINE_STRING)


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document.

    Raises:
        CannotSayError: One of them is none of RefineX.
    """
    return render_calls("refinex", operations, shown, _spell)


def _spell(operation: Operation) -> str | None:
    match operation:
        case KeepChunk():
            return "keep_all()"
        case RemoveLines(start, end):
            return f"remove_lines({start}, {end})"
        case ReplaceInLine(line, source, "", "only"):
            return f"remove_str({line}, {quote(source)})"
        case _:
            return None


def _remove_str(arguments: Arguments) -> ReplaceInLine | None:
    match arguments:
        case [(None, line), (None, String() as source)] if (found := number(line)) is not None:
            return ReplaceInLine(found, unquote(*source))
    return None


_FUNCTIONS: dict[str, Function] = {
    "keep_all": without_arguments(KeepChunk()),
    "remove_lines": remove_lines,
    "remove_str": _remove_str,
}
