"""Parts of a text in characters, made of whole lines."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""(start, end) in characters, end exclusive."""


def spans_of_lines(lengths: Sequence[int], kept: Sequence[bool]) -> list[Span]:
    """Return the parts of a text that make up its kept lines, joined by line breaks as if the others had never been.

    Args:
        lengths: Characters of each line of the text between line feeds.
        kept: Whether each line is kept.

    Returns:
        Spans in order, none of them empty or next to another.
    """
    last = max((number for number, keep in enumerate(kept) if keep), default=-1)
    spans: list[Span] = []
    start = 0
    for number, (length, keep) in enumerate(zip(lengths, kept, strict=True)):
        if number > last:
            break
        end = start + length + (number < last)
        if keep and end > start:
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        start += length + 1
    return spans


def without(spans: Sequence[Span], holes: Iterable[Span]) -> list[Span]:
    """Return spans less some holes; both are in order, and holes do not overlap each other."""
    left: list[Span] = []
    gaps = list(holes)
    first = 0
    for start, end in spans:
        while first < len(gaps) and gaps[first][1] <= start:
            first += 1
        at = start
        for hole_start, hole_end in gaps[first:]:
            if hole_start >= end:
                break
            if hole_start > at:
                left.append((at, hole_start))
            at = max(at, hole_end)
        if at < end:
            left.append((at, end))
    return left


def cut(text: str, spans: Iterable[Span]) -> str:
    """Return the parts of a text, one after the other."""
    return "".join([text[start:end] for start, end in spans])
