"""What an execution writes down on demand about places, so that refined text can be led back to the raw text.

Belongs here: the record that the strict executor fills while it works. What is made of it is provenance.py's work.
Nothing is recorded unless a caller hands in a list: plain execution only counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Replacement(NamedTuple):
    """One match that was replaced, in characters of the text that was searched.

    Attributes:
        start: First character of the match.
        end: Character after its last one.
        target_length: Characters put in its place.
    """

    start: int
    end: int
    target_length: int


@dataclass(slots=True)
class ChunkRecord:
    """What one chunk's program did to which of its lines.

    Attributes:
        line_start: First line of the chunk, 0-based, of the document.
        line_count: Lines of the chunk.
        kept: Lines that stayed, counted from the chunk's first, in order.
        replacements: From left to right, in the kept lines joined by line breaks.
    """

    line_start: int
    line_count: int
    kept: Sequence[int]
    replacements: list[Replacement] = field(default_factory=list)
