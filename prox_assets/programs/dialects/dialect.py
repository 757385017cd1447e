"""Dialects as data: how each family of refiners numbers lines, shows them, and spells its programs.

What differs in numbers only stands here once; the parsers turn what is written into operations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from prox_assets.programs.dialects import canonical, line_labels, noise_pruner, prox, refinex, rescraper, ultrax
from prox_assets.programs.dialects.parsed import ParsedProgram
from prox_assets.programs.dialects.rendering import Render, ShownLines

DialectName = Literal["prox", "line-labels", "canonical", "ultrax", "rescraper", "refinex", "dataorchestra-np"]
LineNumbers = Literal["document", "chunk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One dialect.

    Attributes:
        name: What policies, refiners and tables call it.
        parse: Turns a program into operations, with line numbers as written; never raises, linear in its length.
        render: Writes operations on lines of the document as its models write them; the inverse of `parse`.
        first_number: The number of the first line, 0 or 1.
        line_numbers: Whether numbers run through the document or restart in a chunk, unless a refiner says otherwise.
        marker: What stands before each line that is shown; `{number}` is the line's number.
        shows_blank_lines: Whether lines of white space only are shown and numbered. If not, lines are also shown
            without the white space around them, and a blank line goes with the line before it.
        window_characters: Most characters of a window, if its models are shown overlapping windows.
        window_overlap: Share of a window that the next one shows again. The earlier window decides about those lines.
        whole_pages: Whether its programs are about whole documents: one longer than the window is not cut but skipped.
        released: Whether an executor of it was released, which reference mode reproduces.
    """

    name: DialectName
    parse: Callable[[str], ParsedProgram]
    render: Render
    first_number: int = 0
    line_numbers: LineNumbers = "document"
    marker: str = "[{number:03d}]"
    shows_blank_lines: bool = True
    window_characters: int | None = None
    window_overlap: float | None = None
    whole_pages: bool = False
    released: bool = False

    @property
    def overlapping_characters(self) -> int:
        """Most characters, with their markers, of the lines that two windows show; 0 if none overlap."""
        return int((self.window_characters or 0) * (self.window_overlap or 0))

    @property
    def is_native(self) -> bool:
        """Whether edits hold line numbers as the program has them; those of others hold the document's, from 0."""
        return self.name in ("prox", "line-labels")

    def shown_lines(self, lines: Sequence[str], line_start: int, first_number: int) -> ShownLines:
        """Return which lines of a chunk are shown, for `render`.

        Args:
            lines: The chunk's lines.
            line_start: The number of the first of them in the document, from 0.
            first_number: The number of the first line that is shown (`ExecutionPolicy.first_line_number`).
        """
        chunk = range(line_start, line_start + len(lines))
        if self.shows_blank_lines:
            return ShownLines(chunk, chunk, first_number)
        shown = tuple(line for line, text in zip(chunk, lines, strict=True) if text.strip())
        return ShownLines(chunk, shown, first_number)


_ALL = (
    Dialect(name="prox", parse=prox.parse, render=prox.render, released=True),  # github.com/GAIR-NLP/ProX
    # Its calls inside lines are those of prox.
    Dialect(name="line-labels", parse=prox.parse, render=line_labels.render, released=True),
    Dialect(name="canonical", parse=canonical.parse, render=canonical.render),
    Dialect(  # github.com/openbmb/UltraX
        name="ultrax",
        parse=ultrax.parse,
        render=ultrax.render,
        first_number=1,
        marker="<lid:{number}>",
        window_characters=48_000,  # stage2_large_scale_execution/inference/inference.py
        window_overlap=0.2,
        released=True,
    ),
    Dialect(  # github.com/cxcscmu/ReScraper
        name="rescraper",
        parse=rescraper.parse,
        render=rescraper.render,
        first_number=1,
        line_numbers="chunk",
        marker="<lid:{number}> ",
        shows_blank_lines=False,
        whole_pages=True,
        released=True,
    ),
    Dialect(  # arXiv 2507.03253: no code was released
        name="refinex", parse=refinex.parse, render=refinex.render, first_number=0, line_numbers="chunk"
    ),
    Dialect(  # arXiv 2607.24717: the noise pruner of DataOrchestra; no code was found
        name="dataorchestra-np",
        parse=noise_pruner.parse,
        render=noise_pruner.render,
        first_number=0,
        line_numbers="chunk",
    ),
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in _ALL})
