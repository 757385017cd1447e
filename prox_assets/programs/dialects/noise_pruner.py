"""The dialect of DataOrchestra's noise pruner (arXiv 2607.24717): it removes whole lines and nothing else.

It knows `remove_lines(start, end)`. Neither code nor prompt was found, so it is assumed that it shares with ProX, whose
authors it shares, all names of the keep call, the spellings of `remove_lines`, and line numbers from 0.
"""

from collections.abc import Iterable

from prox_assets.programs.dialects import prox
from prox_assets.programs.dialects.calls import Function, read_calls
from prox_assets.programs.dialects.parsed import ParsedProgram
from prox_assets.programs.dialects.rendering import ShownLines, render_calls
from prox_assets.programs.operations import KeepChunk, Operation, RemoveLines

_NAMES = ("keep_chunk", "skip_chunk", "untouch_doc", "keep_all", "remove_lines")
_FUNCTIONS: dict[str, Function] = {name: prox.FUNCTIONS[name] for name in _NAMES}


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(text, _FUNCTIONS, prox.PLAIN_REMOVAL)


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document.

    Raises:
        CannotSayError: One of them is neither KeepChunk nor RemoveLines.
    """
    return render_calls("dataorchestra-np", operations, shown, _spell)


def _spell(operation: Operation) -> str | None:
    return prox.spell(operation) if isinstance(operation, (KeepChunk, RemoveLines)) else None
