r"""Chunks: runs of whole lines that fit a refiner's window.

Lines are packed by their token counts (ProX paper, algorithm 1); the refiners count the tokens. Only "\n" separates
lines, so a document's lines are `text.split("\n")` and the empty document has one line.
"""

from collections.abc import Sequence
from typing import NamedTuple

LINE_LONGER_THAN_WINDOW = "line_longer_than_window"
# Of a dialect whose programs are about whole pages.
PAGE_LONGER_THAN_WINDOW = "page_longer_than_window"


class Chunk(NamedTuple):
    """The lines [line_start, line_end] of a document, 0-based and inclusive.

    Attributes:
        index: 0-based position of the chunk in its document.
        line_start: First line.
        line_end: Last line.
        skip_reason: Why the chunk is not shown to a refiner ("line_longer_than_window", "page_longer_than_window",
            "outside_training"), or None.
    """

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]
    line_start: int
    line_end: int
    skip_reason: str | None = None


def pack_lines(
    token_counts: Sequence[int], budget: int, *, overhead: int = 0, max_lines: int | None = None
) -> list[Chunk]:
    """Pack lines greedily, in order, into the fewest chunks whose tokens fit the budget.

    Args:
        token_counts: Tokens of each line as the model sees it, including label and separator.
        budget: Maximum tokens of a prompt and its answer together.
        overhead: Tokens of every prompt that belong to no line, plus those reserved for the answer.
        max_lines: Maximum lines per chunk, for prompt formats whose labels have a fixed number of digits.

    Returns:
        Chunks that cover every line exactly once, in order. A line that alone exceeds the budget becomes its own chunk
        with a skip_reason, as in algorithm 1 (the released code sends it anyway).

    Raises:
        ValueError: The overhead leaves no room for a line, or max_lines is below 1.
    """
    room = budget - overhead
    if room < 1:
        raise ValueError(f"an overhead of {overhead} tokens leaves no room for text in a budget of {budget}")
    if max_lines is not None and max_lines < 1:
        raise ValueError(f"max_lines must be at least 1, not {max_lines}")
    chunks: list[Chunk] = []
    start = used = 0
    for line, count in enumerate(token_counts):
        full = line > start and (used + count > room or line - start == max_lines)
        if full:
            chunks.append(Chunk(len(chunks), start, line - 1))
            start, used = line, 0
        used += count
        if count > room:
            chunks.append(Chunk(len(chunks), line, line, LINE_LONGER_THAN_WINDOW))
            start, used = line + 1, 0
    if start < len(token_counts):
        chunks.append(Chunk(len(chunks), start, len(token_counts) - 1))
    return chunks
