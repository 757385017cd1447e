"""The dialect of DataOrchestra's noise pruner (arXiv 2607.24717): it removes whole lines and nothing else.

It knows `remove_lines(start, end)`, and is read with the names of ProX too, whose authors it shares.
"""

from prox_assets.programs.dialects import prox
from prox_assets.programs.dialects.calls import Function, read_calls
from prox_assets.programs.dialects.parsed import ParsedProgram

_NAMES = ("keep_chunk", "skip_chunk", "untouch_doc", "keep_all", "remove_lines")
_FUNCTIONS: dict[str, Function] = {name: prox.FUNCTIONS[name] for name in _NAMES}


def parse(text: str) -> ParsedProgram:
    """Parse a program; never raises, and takes time linear in the length of the text."""
    return read_calls(text, _FUNCTIONS, prox.PLAIN_REMOVAL)
