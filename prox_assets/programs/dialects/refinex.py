"""The RefineX dialect (arXiv 2507.03253): removals only, of lines and of strings inside a line.

It knows `keep_all()`, `remove_lines(start, end)` and `remove_str(line, 'string')`. No code or model was released, so
how it numbers lines and quotes strings is taken to be as in UltraX, with lines from 0.
"""

from prox_assets.programs.dialects.calls import Arguments, Function, String, number, read_calls, without_arguments
from prox_assets.programs.dialects.parsed import ParsedProgram
from prox_assets.programs.dialects.ultrax import PLAIN_REMOVAL, remove_lines, unquote
from prox_assets.programs.operations import KeepChunk, ReplaceInLine


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(text, _FUNCTIONS, PLAIN_REMOVAL)


def _remove_str(arguments: Arguments) -> ReplaceInLine | None:
    match arguments:
        case [(None, line), (None, String(source))] if (found := number(line)) is not None:
            return ReplaceInLine(found, unquote(source))
    return None


_FUNCTIONS: dict[str, Function] = {
    "keep_all": without_arguments(KeepChunk()),
    "remove_lines": remove_lines,
    "remove_str": _remove_str,
}
