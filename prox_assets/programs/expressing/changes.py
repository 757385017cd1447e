"""What was done to a document, line by line: lines removed, spans inside lines replaced, lines inserted.

It follows from the provenance of a strict execution. In reference mode there is none, and the lines that were removed
tell which lines of the raw and of the refined text belong together.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from prox_assets.programs.execution.provenance import Provenance, SegmentKind
from prox_assets.programs.refinement import LineRange


class Replaced(NamedTuple):
    """A span inside one line and what takes its place.

    Attributes:
        start: First character of the line that goes.
        end: Character after the last one.
        text: What takes its place; "" deletes.
    """

    start: int
    end: int
    text: str


class Inserted(NamedTuple):
    """A line of new text, without its line break.

    Attributes:
        after: The line of the raw text that it follows, -1 for the beginning.
        text: The line.
    """

    after: int
    text: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What was done to a document; line numbers are those of the raw text, from 0.

    Attributes:
        removed: Lines that were removed, as the fewest ranges, in order.
        replaced: Spans inside lines that stay, in order and apart from each other, by line.
        inserted: Lines that were inserted, in order.
    """

    removed: tuple[LineRange, ...] = ()
    replaced: Mapping[int, tuple[Replaced, ...]] = field(default_factory=lambda: MappingProxyType({}))
    inserted: tuple[Inserted, ...] = ()


class _Edit(NamedTuple):
    """Characters start to end (exclusive) of the raw text and what takes their place."""

    start: int
    end: int
    text: str


def changes_of(text: str, refined: str, provenance: Provenance) -> Changes:
    """Return what a strict execution did.

    Args:
        text: The document.
        refined: What is left of it.
        provenance: Where each character of `refined` came from.
    """
    return _changes(text.split("\n"), _edits(refined, provenance))


def changes_between(text: str, refined: str, removed: Sequence[LineRange]) -> Changes | None:
    """Return what an execution in reference mode did; None where the lines that stay cannot be told apart.

    Args:
        text: The document.
        refined: What is left of it.
        removed: The lines that were removed (`ChunkOutcome.removed_lines` of all chunks).
    """
    lines = text.split("\n")
    removed_lines = {line for start, end in removed for line in range(start, end + 1)}
    # The released UltraX removes empty lines, too, and the released ReScraper blank ones.
    for is_gone in (lambda line: False, lambda line: not line, lambda line: not line.strip()):
        gone = removed_lines.union(number for number, line in enumerate(lines) if is_gone(line))
        kept = [number for number in range(len(lines)) if number not in gone]
        left = refined.split("\n") if kept or refined else []
        if len(kept) == len(left):
            break
    else:
        return None
    replaced = {
        line: (_trimmed(lines[line], Replaced(0, len(lines[line]), now)),)
        for line, now in zip(kept, left, strict=True)
        if lines[line] != now
    }
    return Changes(_ranges(gone), MappingProxyType(replaced))


def _edits(refined: str, provenance: Provenance) -> Iterator[_Edit]:
    """Yield all that differs between the texts, in order."""
    done = 0
    for segment in provenance.segments:
        if segment.raw_start > done:
            yield _Edit(done, segment.raw_start, "")
        if segment.kind is not SegmentKind.COPIED:
            yield _Edit(segment.raw_start, segment.raw_end, refined[segment.refined_start : segment.refined_end])
        done = segment.raw_end
    if done < provenance.raw_length:
        yield _Edit(done, provenance.raw_length, "")


def _changes(lines: Sequence[str], edits: Iterable[_Edit]) -> Changes:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    removed: set[int] = set()
    inserted: list[Inserted] = []
    replaced: dict[int, list[Replaced]] = {}

    def replace(line: int, start: int, end: int, text: str) -> None:
        spans = replaced.setdefault(line, [])
        if spans and spans[-1].end == start:
            before = spans.pop()
            start, text = before.start, before.text + text
        spans.append(Replaced(start, end, text))

    for edit in edits:
        first = bisect_right(starts, edit.start) - 1
        last = bisect_right(starts, edit.end) - 1
        start, end = edit.start - starts[first], edit.end - starts[last]
        head, *others = edit.text.split("\n")
        if first == last and not others:
            replace(first, start, end, head)
        elif end == len(lines[last]) and (start == len(lines[first]) or start > 0):
            # Lines at the end of a document take the line break before them.
            replace(first, start, len(lines[first]), head)
            removed.update(range(first + 1, last + 1))
            inserted += [Inserted(first, line) for line in others]
        elif start == 0:
            removed.update(range(first, last))
            whole = [head, *others]
            inserted += [Inserted(first - 1, line) for line in whole[:-1]]
            replace(last, 0, end, whole[-1])
        elif first < last and others:
            replace(first, start, len(lines[first]), head)
            removed.update(range(first + 1, last))
            inserted += [Inserted(first, line) for line in others[:-1]]
            replace(last, 0, end, others[-1])
        else:
            # One line becomes several, or several become one: personal data over a line break.
            tail = lines[last][end:]
            removed.update(range(first + 1, last + 1))
            if others:
                others[-1] += tail
                inserted += [Inserted(first, line) for line in others]
            replace(first, start, len(lines[first]), head if others else head + tail)
    spans = {line: _changing(lines[line], of_line) for line, of_line in replaced.items() if line not in removed}
    changed = {line: of_line for line, of_line in spans.items() if of_line}
    return Changes(_ranges(removed), MappingProxyType(changed), tuple(inserted))


def _changing(line: str, spans: Iterable[Replaced]) -> tuple[Replaced, ...]:
    """Return what spans change, without those that change nothing."""
    trimmed = (_trimmed(line, span) for span in spans)
    return tuple(span for span in trimmed if span.text or span.end > span.start)


def _trimmed(line: str, span: Replaced) -> Replaced:
    """Return a span without what stays at its ends."""
    start, end, text = span
    size = min(end - start, len(text))
    same = 0
    while same < size and line[start + same] == text[same]:
        same += 1
    start, text = start + same, text[same:]
    size = min(end - start, len(text))
    same = 0
    while same < size and line[end - 1 - same] == text[len(text) - 1 - same]:
        same += 1
    return Replaced(start, end - same, text[: len(text) - same])


def _ranges(lines: Iterable[int]) -> tuple[LineRange, ...]:
    ranges: list[LineRange] = []
    for line in sorted(lines):
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1] = ranges[-1][0], line
        else:
            ranges.append((line, line))
    return tuple(ranges)
