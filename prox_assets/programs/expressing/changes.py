"""What was done to a document, line by line: lines removed, inserted or rewritten, and spans inside lines replaced.

It follows from what a strict execution records of each chunk, and from the personal data that was replaced afterwards.
In reference mode there are no records, and the lines that were removed tell which lines of the raw and of the refined
text belong together.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.refinement import EditStatus, LineRange, Refinement


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


class Rewritten(NamedTuple):
    """Lines of a chunk that became another text as a whole.

    Attributes:
        start: The first of them.
        end: The last one.
        text: What they became, of one line or more.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What was done to a document; line numbers are those of the raw text, from 0.

    Attributes:
        removed: Lines that were removed, as the fewest ranges, in order.
        replaced: Spans inside lines that stay, in order and apart from each other, by line.
        inserted: Lines that were inserted, in order; none stands between rewritten lines.
        rewritten: Lines that were rewritten, in order. They are neither removed nor do they stay.
    """

    removed: tuple[LineRange, ...] = ()
    replaced: Mapping[int, tuple[Replaced, ...]] = field(default_factory=lambda: MappingProxyType({}))
    inserted: tuple[Inserted, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()


def changes_of(text: str, left: str, records: Sequence[ChunkRecord], personal_data: Iterable[Replaced] = ()) -> Changes:
    """Return what a strict execution did, and the replacements of personal data after it.

    Args:
        text: The document.
        left: What the execution left of it.
        records: What it recorded; lines without a record stayed.
        personal_data: Spans of `left` and what takes their place, from left to right.
    """
    lines = text.split("\n")
    removed: list[int] = []
    replaced: dict[int, tuple[Replaced, ...]] = {}
    inserted: list[Inserted] = []
    rewritten: list[Rewritten] = []
    done = 0
    for part in _with_replacements(_parts(lines, left, records), personal_data):
        removed += range(done, part.start)
        done = part.stop
        if part.start == part.stop:
            inserted.append(Inserted(part.start - 1, part.text))
        elif part.is_rewritten:
            rewritten.append(Rewritten(part.start, part.stop - 1, part.text))
        elif spans := _changing(lines[part.start], part.spans):
            replaced[part.start] = spans
    removed += range(done, len(lines))
    return Changes(ranges(removed), MappingProxyType(replaced), tuple(inserted), tuple(rewritten))


def changes_between(text: str, refinement: Refinement) -> Changes | None:
    """Return what an execution in reference mode did; None where the lines that stay cannot be told apart.

    Args:
        text: The document.
        refinement: What the execution left of it, and says that it did.
    """
    refined = refinement.text
    lines = text.split("\n")
    applied = {edit.operation for edit in refinement.edits if edit.status is EditStatus.APPLIED}
    if "rewrite" in applied and len(refinement.chunks) == 1:
        return Changes(rewritten=(Rewritten(0, len(lines) - 1, refined),))
    if applied & {"rewrite", "insert_line"}:  # their lines are like those that stay
        return None
    removed_lines = {
        line for chunk in refinement.chunks for start, end in chunk.removed_lines for line in range(start, end + 1)
    }
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
    return Changes(ranges(gone), MappingProxyType(replaced))


def ranges(lines: Iterable[int]) -> tuple[LineRange, ...]:
    """Return lines as the fewest ranges, in order."""
    found: list[LineRange] = []
    for line in sorted(lines):
        if found and found[-1][1] == line - 1:
            found[-1] = found[-1][0], line
        else:
            found.append((line, line))
    return tuple(found)


@dataclass(slots=True)
class _Part:
    """A line of the text that is left, or all lines that a chunk became.

    Attributes:
        start: The first line of the raw text that became it; for an inserted line, the one that it stands before.
        stop: The line after the last one; `start` for an inserted line.
        text: What is left.
        spans: What was replaced in a line that stays, in order.
        is_rewritten: Whether the whole of it took the place of the whole of the raw lines.
    """

    start: int
    stop: int
    text: str
    spans: list[Replaced] = field(default_factory=list)
    is_rewritten: bool = False


def _parts(lines: Sequence[str], left: str, records: Iterable[ChunkRecord]) -> Iterator[_Part]:
    """Yield all parts of the text that is left, in order."""
    place = done = 0
    for record in records:
        for line in range(done, record.line_start):
            place += len(lines[line]) + 1
            yield _Part(line, line + 1, lines[line])
        done = record.line_start + record.line_count
        if record.rewritten is None:
            for part in _edited(lines, left, place, record):
                place += len(part.text) + 1
                yield part
        else:
            start, place = place, place + record.rewritten + 1
            yield _Part(record.line_start, done, left[start : place - 1], is_rewritten=True)
    for line in range(done, len(lines)):
        yield _Part(line, line + 1, lines[line])


def _edited(lines: Sequence[str], left: str, place: int, record: ChunkRecord) -> Iterator[_Part]:
    """Yield the lines of a chunk; what is left of it begins at a place of the text that is left."""
    joined = 0  # where the line begins in the kept lines joined by line breaks
    replacements, insertions = deque(record.replacements), deque(record.insertions)

    def new() -> _Part:
        nonlocal place
        after, length = insertions.popleft()
        start, place = place, place + length + 1
        before = record.line_start + after + 1
        return _Part(before, before, left[start : start + length])

    for offset in record.kept:
        while insertions and insertions[0].after < offset:
            yield new()
        line = record.line_start + offset
        part = _Part(line, line + 1, "")
        end = joined + len(lines[line])
        grown = 0
        # A source is never empty and contains no line break, so a match that starts in a line ends in it.
        while replacements and replacements[0].start < end:
            first, last, length = replacements.popleft()
            target = place + first - joined + grown
            part.spans.append(Replaced(first - joined, last - joined, left[target : target + length]))
            grown += length - (last - first)
        part.text = left[place : place + end - joined + grown]
        place += len(part.text) + 1
        joined = end + 1
        yield part
    while insertions:
        yield new()


def _with_replacements(parts: Iterable[_Part], replacements: Iterable[Replaced]) -> Iterator[_Part]:
    """Yield parts in which spans of the text that is left were replaced; those that a span joins become the first."""
    upcoming = deque(replacements)
    parts = iter(parts)
    place = 0
    for part in parts:
        own: list[Replaced] = []
        raw_length = len(part.text) + sum(end - start - len(text) for start, end, text in part.spans)
        while upcoming and upcoming[0].start <= place + len(part.text):
            start, end, text = upcoming.popleft()
            while end > place + len(part.text) and (following := next(parts, None)) is not None:
                part.spans.append(Replaced(raw_length, raw_length, f"\n{following.text}"))
                part.text += f"\n{following.text}"
            own.append(Replaced(start - place, end - place, text))
        place += len(part.text) + 1
        if own:
            part.spans = list(_again(raw_length, part.spans, own))
            part.text = _made(part.text, own)
        yield part


def _again(length: int, spans: Iterable[Replaced], own: Iterable[Replaced]) -> Iterator[Replaced]:
    """Yield what spans replace in a line of a length after others were replaced in what they left."""
    pieces = deque[tuple[int, int, str | None]]()  # without a text where the line stays as it is
    done = 0
    for start, end, text in spans:
        pieces += ((done, start, None), (start, end, text))
        done = end
    pieces.append((done, length, None))
    place = 0

    def take(until: int) -> list[tuple[int, int, str | None]]:
        nonlocal place
        taken: list[tuple[int, int, str | None]] = []
        while place < until:
            start, end, text = pieces.popleft()
            size = end - start if text is None else len(text)
            if (room := until - place) < size:
                middle = start + room if text is None else end
                pieces.appendleft((middle, end, None if text is None else text[room:]))
                end, text, size = middle, None if text is None else text[:room], room
            taken.append((start, end, text))
            place += size
        return taken

    for start, end, text in own:
        yield from (Replaced(*piece[:2], piece[2]) for piece in take(start) if piece[2] is not None)
        covered = take(end)
        yield Replaced(covered[0][0], covered[-1][1], text)
    yield from (Replaced(*piece[:2], piece[2]) for piece in pieces if piece[2] is not None)


def _made(text: str, spans: Sequence[Replaced]) -> str:
    """Return a text with spans replaced."""
    ends = [0, *(span.end for span in spans)]
    pieces = [text[done : span.start] + span.text for done, span in zip(ends, spans, strict=False)]
    return "".join([*pieces, text[ends[-1] :]])


def _changing(line: str, spans: Iterable[Replaced]) -> tuple[Replaced, ...]:
    """Return what spans change: those that touch as one, and none that changes nothing."""
    apart: list[Replaced] = []
    for start, end, text in spans:
        if apart and apart[-1].end == start:
            before = apart.pop()
            start, text = before.start, before.text + text
        apart.append(Replaced(start, end, text))
    trimmed = (_trimmed(line, span) for span in apart)
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
