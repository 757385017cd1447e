"""Dialects as data: how each family of refiners numbers lines, shows them, and spells its programs.

What differs in numbers only stands here once; the parsers turn what is written into operations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from prox_assets.programs.dialects import canonical, noise_pruner, prox, refinex, rescraper, ultrax
from prox_assets.programs.dialects.parsed import ParsedProgram

DialectName = Literal["prox", "line-labels", "canonical", "ultrax", "rescraper", "refinex", "dataorchestra-np"]
LineNumbers = Literal["document", "chunk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One dialect.

    Attributes:
        name: What policies, refiners and tables call it.
        parse: Turns a program into operations, with line numbers as written; never raises, linear in its length.
        first_number: The number of the first line, 0 or 1.
        line_numbers: Whether numbers run through the document or restart in a chunk, unless a refiner says otherwise.
        marker: What stands before each line that is shown; `{number}` is the line's number.
        shows_blank_lines: Whether lines of white space only are shown and numbered. If not, lines are also shown
            without the white space around them, and a blank line goes with the line before it.
        overlaps: Whether a window begins with lines of the one before, which decides about them.
        whole_pages: Whether its programs are about whole documents: one longer than the window is not cut but skipped.
        released: Whether an executor of it was released, which reference mode reproduces.
    """

    name: DialectName
    parse: Callable[[str], ParsedProgram]
    first_number: int = 0
    line_numbers: LineNumbers = "document"
    marker: str = "[{number:03d}]"
    shows_blank_lines: bool = True
    overlaps: bool = False
    whole_pages: bool = False
    released: bool = False

    @property
    def is_native(self) -> bool:
        """Whether calls name lines by the numbers that `ExecutionPolicy.first_line_number` starts from."""
        return self.name in ("prox", "line-labels", "canonical")


_ALL = (
    Dialect(name="prox", parse=prox.parse, released=True),  # github.com/GAIR-NLP/ProX
    Dialect(name="line-labels", parse=prox.parse, released=True),  # its calls inside lines are those of prox
    Dialect(name="canonical", parse=canonical.parse),
    Dialect(  # github.com/openbmb/UltraX
        name="ultrax", parse=ultrax.parse, first_number=1, marker="<lid:{number}>", overlaps=True, released=True
    ),
    Dialect(  # github.com/cxcscmu/ReScraper
        name="rescraper",
        parse=rescraper.parse,
        first_number=1,
        line_numbers="chunk",
        marker="<lid:{number}> ",
        shows_blank_lines=False,
        whole_pages=True,
        released=True,
    ),
    Dialect(  # arXiv 2507.03253: no code was released
        name="refinex", parse=refinex.parse, first_number=0, line_numbers="chunk"
    ),
    Dialect(  # arXiv 2607.24717: the noise pruner of DataOrchestra; no code was found
        name="dataorchestra-np", parse=noise_pruner.parse, first_number=0, line_numbers="chunk"
    ),
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in _ALL})
