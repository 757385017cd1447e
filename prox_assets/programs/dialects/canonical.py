"""The canonical dialect: every operation as `operations.render` spells it, with lines numbered from 0.

Programs of any refiner can be said in it, for instance where they are published. Programs of ProX are read as the ProX
dialect reads them.
"""

from collections.abc import Iterable

from prox_assets.programs.dialects.calls import Arguments, Function, String, bind, number, read_calls, without_arguments
from prox_assets.programs.dialects.parsed import ParsedProgram
from prox_assets.programs.dialects.prox import FUNCTIONS as PROX_FUNCTIONS
from prox_assets.programs.dialects.prox import PLAIN_REMOVAL
from prox_assets.programs.dialects.rendering import ShownLines, render_calls
from prox_assets.programs.operations import InsertLine, Operation, RemoveAll, ReplaceInLine, Rewrite
from prox_assets.programs.operations import render as render_canonically
from prox_assets.programs.string_literals import unquote

_REPLACE_PARAMETERS = {"line": 0, "source_str": 1, "target_str": 2, "occurrence": 3}
_INSERT_PARAMETERS = {"after": 0, "text": 1, "rank": 2}


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(text, _FUNCTIONS, PLAIN_REMOVAL)


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document; any operation can be said.

    Raises:
        CannotSayError: There is no operation, or one names a line that is not shown.
    """
    return render_calls("canonical", operations, shown, lambda operation: render_canonically([operation]))


def _replace_in_line(arguments: Arguments) -> ReplaceInLine | None:
    bound = bind(arguments, _REPLACE_PARAMETERS) or {}
    line = number(bound.get(0))
    match bound.get(1), bound.get(2), bound.get(3, String("only")):
        case String(source), String(target), String("only" | "first" as occurrence) if line is not None:
            return ReplaceInLine(line, unquote(source), unquote(target), occurrence)
    return None


def _insert_line(arguments: Arguments) -> InsertLine | None:
    bound = bind(arguments, _INSERT_PARAMETERS) or {}
    after, rank = number(bound.get(0)), number(bound.get(2, 0))
    text = bound.get(1)
    if after is None or rank is None or not isinstance(text, String):
        return None
    return InsertLine(after, unquote(text.inside), rank)


def _rewrite(arguments: Arguments) -> Rewrite | None:
    match bind(arguments, {"text": 0}):
        case {0: String(text)}:
            return Rewrite(unquote(text))
    return None


_FUNCTIONS: dict[str, Function] = {
    **PROX_FUNCTIONS,
    "remove_all": without_arguments(RemoveAll()),
    "replace_in_line": _replace_in_line,
    "insert_line": _insert_line,
    "rewrite": _rewrite,
}
