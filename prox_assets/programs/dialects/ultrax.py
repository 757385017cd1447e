r"""The UltraX dialect: positional calls, one a line, with the line numbers of the document from 1.

Source: arXiv 2607.08646 and github.com/openbmb/UltraX. It knows `keep_all()`, `remove_all()`, `remove_lines(a, b)`,
`replace_str(n, 'old', 'new')` and `add_line(base, sub, 'text')`. Strings are those that Python's `repr` writes, on one
line: \n, \t, \r, \\, \xHH, \uHHHH, \UHHHHHHHH and the string's own quote are escapes, and any other backslash stands
for itself.

Whatever the released parser reads is read alike, except:

* It takes \xHH, \uHHHH and \UHHHHHHHH for the characters that are written there, and so misses the no-break spaces and
  invisible characters that its models, which learn from `repr`, mean by them.
* It ends a string at an unescaped quote of the string's own kind, and passes over what follows. Here the string goes on
  until the call visibly does.
* It passes over what it cannot read: prose, a line `---`, what follows a call on its line, arguments too many, and a
  missing or a second comma between strings. All of that is an error here.
* It reads numbers as Python's `int` does: `+3`, `1_000`, digits of other scripts. Here they are errors.

Read beyond it are unescaped quotes, several calls on one line, spaces, calls over several lines, and fenced programs.
"""

import re
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
from prox_assets.programs.dialects.parsed import ParsedProgram, after_thinking
from prox_assets.programs.dialects.rendering import ShownLines, render_calls
from prox_assets.programs.operations import (
    MAX_LINE_NUMBER_DIGITS,
    InsertLine,
    KeepChunk,
    Operation,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
)
from prox_assets.programs.string_literals import unquote

PLAIN_REMOVAL = re.compile(
    rf"remove_lines\(([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}}), ?([0-9]{{1,{MAX_LINE_NUMBER_DIGITS}}})\)\n?"
)
_MUST_ESCAPE = re.compile(r"[\\\n\t\r]")
_SPELLINGS = {"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"}


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(after_thinking(text), _FUNCTIONS, PLAIN_REMOVAL, ONE_LINE_STRING)


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document.

    Raises:
        CannotSayError: One of them is none of UltraX.
    """
    return render_calls("ultrax", operations, shown, _spell)


def quote(text: str) -> str:
    """Return a literal as `repr` quotes it, with those escapes only that the released parser knows."""
    mark = '"' if "'" in text and '"' not in text else "'"
    return mark + _MUST_ESCAPE.sub(lambda match: _SPELLINGS[match.group()], text).replace(mark, f"\\{mark}") + mark


def _spell(operation: Operation) -> str | None:
    match operation:
        case KeepChunk():
            return "keep_all()"
        case RemoveAll():
            return "remove_all()"
        case RemoveLines(start, end):
            return f"remove_lines({start}, {end})"
        case ReplaceInLine(line, source, target, "only"):
            return f"replace_str({line}, {quote(source)}, {quote(target)})"
        case InsertLine(after, text, rank):
            return f"add_line({after}, {rank}, {quote(text)})"
        case _:
            return None


def remove_lines(arguments: Arguments) -> RemoveLines | None:
    """Return the removal that `remove_lines(a, b)` asks for."""
    match arguments:
        case [(None, start), (None, end)]:
            first, last = number(start), number(end)
            return None if first is None or last is None else RemoveLines(first, last)
    return None


def _replace_str(arguments: Arguments) -> ReplaceInLine | None:
    match arguments:
        case [(None, line), (None, String() as source), (None, String() as target)] if (
            found := number(line)
        ) is not None:
            return ReplaceInLine(found, unquote(*source), unquote(*target))
    return None


def _add_line(arguments: Arguments) -> InsertLine | None:
    match arguments:
        case [(None, base), (None, sub), (None, String() as text)]:
            after, rank = number(base), number(sub)
            return None if after is None or rank is None else InsertLine(after, unquote(*text), rank)
    return None


_FUNCTIONS: dict[str, Function] = {
    "keep_all": without_arguments(KeepChunk()),
    "remove_all": without_arguments(RemoveAll()),
    "remove_lines": remove_lines,
    "replace_str": _replace_str,
    "add_line": _add_line,
}
