"""Records where each line of a chunk's result came from, when asked to, so that refined text can be traced back.

The strict executor fills these records only if the caller passes a list for them; provenance.py reads them. Plain
execution only counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Replacement(NamedTuple):
    """One match that was replaced, as character offsets in the text that was searched.

    Attributes:
        start: First character of the match.
        end: Character after the last one.
        target_length: Number of characters that replaced it.
    """

    start: int
    end: int
    target_length: int


class Insertion(NamedTuple):
    """One line that was inserted.

    Attributes:
        after: The line that it follows, counted from the chunk's first line; -1 before the first.
        length: Its characters, without a line break.
    """

    after: int
    length: int


@dataclass(slots=True)
class ChunkRecord:
    """What one chunk's program did to the chunk's lines.

    Attributes:
        line_start: The chunk's first line, 0-based, in the document.
        line_count: Number of lines in the chunk.
        kept: Lines that stayed, numbered from the chunk's first line, in order.
        replacements: Replacements from left to right, with offsets in the kept lines joined by line breaks.
        insertions: Inserted lines in order.
        rewritten: Characters of the text that replaced the whole chunk; None if none did, and only then do `kept`,
            `replacements` and `insertions` count.
    """

    line_start: int
    line_count: int
    kept: Sequence[int]
    replacements: list[Replacement] = field(default_factory=list)
    insertions: list[Insertion] = field(default_factory=list)
    rewritten: int | None = None
