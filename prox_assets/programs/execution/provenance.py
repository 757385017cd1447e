r"""Span provenance: for every character of a refined text, the characters of the raw text that it came from.

The executor's records, from which the map is built, are defined in recording.py.

A strict execution keeps whole lines, replaces matches inside them, inserts lines between them, or replaces a whole
chunk, all at once and on the original text. The refined text is therefore a sequence of raw ranges in their original
order, with replacements and inserted lines between them, and nothing else. The line break after a kept line is the one
that ended it. A removed line takes its own line break with it; lines removed at the end of a document take the one
before them. An inserted line brings its own line break: the one after it or, where no kept line follows, the one before
it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from prox_assets.programs.execution.executor import ChunkProgram, execute
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import Outcome, Refinement


class ProvenanceError(ValueError):
    """There is no map from refined to raw text under this policy; the message says why."""


class SegmentKind(StrEnum):
    """How a segment of refined text came about."""

    COPIED = "copied"
    """The raw range holds the same characters."""
    REPLACED = "replaced"
    """A replacement inside a line, of personal data, or by a rewrite replaced the whole raw range with it."""
    INSERTED = "inserted"
    """A line that a program inserted, with its line break, or the rewrite of an empty line; the raw range is empty and
    says where."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Characters refined_start to refined_end (exclusive) came from the raw characters raw_start to raw_end.

    Attributes:
        refined_start: First character of the refined text.
        refined_end: Character after the last one; a segment is never empty.
        raw_start: First character of the raw text.
        raw_end: Character after the last one.
        kind: How it came about.
    """

    refined_start: int
    refined_end: int
    raw_start: int
    raw_end: int
    kind: SegmentKind


class Span(NamedTuple):
    """The characters start to end (exclusive) of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """The map from refined to raw text of one document.

    Attributes:
        segments: Segments that tile the refined text in order; their raw ranges are in order too and never overlap.
        raw_length: Characters of the raw text.
        refined_length: Characters of the refined text; 0 where the document was dropped.
    """

    segments: tuple[Segment, ...]
    raw_length: int
    refined_length: int

    def sources(self, start: int, end: int) -> tuple[Segment, ...]:
        """Return the segments that the refined characters start to end (exclusive) came from.

        Segments are cut to the range. A replaced or inserted segment keeps its whole raw range, because parts of a
        replacement do not correspond to parts of the text that it replaced.

        Raises:
            ValueError: The range is empty or leaves the refined text.
        """
        if not 0 <= start < end <= self.refined_length:
            raise ValueError(f"{start}:{end} is no range of a refined text of {self.refined_length} characters")
        first = bisect_right(self.segments, start, key=lambda segment: segment.refined_start) - 1
        found: list[Segment] = []
        for segment in self.segments[first:]:
            if segment.refined_start >= end:
                break
            found.append(_cut(segment, start, end))
        return tuple(found)

    def removed(self) -> tuple[Span, ...]:
        """Return the raw ranges that left nothing in the refined text, in order: those that no segment covers."""
        spans: list[Span] = []
        done = 0
        for segment in self.segments:
            if segment.kind is SegmentKind.INSERTED:
                continue
            if segment.raw_start > done:
                spans.append(Span(done, segment.raw_start))
            done = segment.raw_end
        if done < self.raw_length:
            spans.append(Span(done, self.raw_length))
        return tuple(spans)

    def with_replacements(self, replacements: Iterable[tuple[int, int, int]]) -> "Provenance":
        """Return the map of a text in which spans of the refined text were replaced.

        Args:
            replacements: Start, end and length of the replacement of each span, from left to right.
        """
        segments: list[Segment] = []
        length = done = 0
        for start, end, replacement in replacements:
            segments += self._moved(done, start, length)
            length += start - done
            if replacement:
                of = self.sources(start, end)
                segments.append(_put_in(length, replacement, of[0].raw_start, of[-1].raw_end))
            length += replacement
            done = end
        segments += self._moved(done, self.refined_length, length)
        return Provenance(tuple(segments), self.raw_length, length + self.refined_length - done)

    def _moved(self, start: int, end: int, to: int) -> Iterator[Segment]:
        for segment in self.sources(start, end) if start < end else ():
            first = segment.refined_start - start + to
            last = segment.refined_end - start + to
            yield replace(segment, refined_start=first, refined_end=last)


def execute_with_provenance(
    text: str, chunks_and_programs: Iterable[ChunkProgram | tuple[Any, ...]], policy: ExecutionPolicy | None = None
) -> tuple[Refinement, Provenance]:
    """Execute as `execute` does, and return where each character of the result came from.

    Args:
        text: The document.
        chunks_and_programs: See `execute`.
        policy: See `execute`; its mode must be strict.

    Raises:
        ProvenanceError: The policy's mode is reference. The released executor applies replacements one after another,
            each to the whole document as changed so far. A character can therefore result from several calls, and from
            text that is no longer next to it, so it has no single source range.
        ValueError: See `execute`.
    """
    policy = policy or ExecutionPolicy()
    if policy.mode != "strict":
        raise ProvenanceError(
            "spans are traced in strict mode only: in reference mode each call changes the text that earlier calls "
            "left, so a character may have no single place in the raw text"
        )
    records: list[ChunkRecord] = []
    refinement = execute(text, chunks_and_programs, policy, records)
    segments: tuple[Segment, ...] = ()
    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        segments = tuple(_segments(_pieces(text.split("\n"), records)))
    return refinement, Provenance(segments, len(text), len(refinement.text))


class _RawRange(NamedTuple):
    """A raw range that was kept (no target length), or one that was replaced; an empty one by what was inserted."""

    start: int
    end: int
    target_length: int | None = None


def _cut(segment: Segment, start: int, end: int) -> Segment:
    refined_start, refined_end = max(segment.refined_start, start), min(segment.refined_end, end)
    if segment.kind is not SegmentKind.COPIED:
        return replace(segment, refined_start=refined_start, refined_end=refined_end)
    shift = segment.raw_start - segment.refined_start
    return Segment(refined_start, refined_end, refined_start + shift, refined_end + shift, segment.kind)


def _put_in(refined_start: int, length: int, raw_start: int, raw_end: int) -> Segment:
    kind = SegmentKind.REPLACED if raw_start < raw_end else SegmentKind.INSERTED
    return Segment(refined_start, refined_start + length, raw_start, raw_end, kind)


def _segments(pieces: Iterable[_RawRange]) -> Iterator[Segment]:
    """Assign refined positions to the pieces, merging adjacent raw ranges."""
    refined = 0
    # The current raw range, which may still grow.
    copied_start = copied_end = 0
    for start, end, target_length in pieces:
        if target_length is None and start == copied_end:
            copied_end = end
            continue
        if copied_end > copied_start:
            length = copied_end - copied_start
            yield Segment(refined, refined + length, copied_start, copied_end, SegmentKind.COPIED)
            refined += length
        if target_length is None:
            copied_start, copied_end = start, end
            continue
        copied_start = copied_end = end
        if target_length:
            yield _put_in(refined, target_length, start, end)
            refined += target_length
    if copied_end > copied_start:
        yield Segment(refined, refined + copied_end - copied_start, copied_start, copied_end, SegmentKind.COPIED)


class _Kept(NamedTuple):
    """A line of the refined text that a line of the raw text became, or all lines that a chunk became.

    Attributes:
        pieces: What it was made of.
        line_break: Where the raw text has the line break after it.
    """

    pieces: list[_RawRange]
    line_break: int


class _New(NamedTuple):
    """An inserted line: where it belongs in the raw text, and its characters without a line break."""

    place: int
    length: int


def _pieces(lines: Sequence[str], records: Sequence[ChunkRecord]) -> Iterator[_RawRange]:
    """Yield the pieces of the refined text from left to right."""
    line_break: int | None = None
    new: list[_New] = []
    for line in _refined_lines(lines, records):
        if isinstance(line, _New):
            new.append(line)
            continue
        if line_break is not None:
            yield _RawRange(line_break, line_break + 1)
        yield from (_RawRange(place, place, length + 1) for place, length in new)
        new.clear()
        yield from line.pieces
        line_break = line.line_break
    for number, (place, length) in enumerate(new):
        # The first line of a text that holds nothing else has no line break before it.
        yield _RawRange(place, place, length + (number > 0 or line_break is not None))


def _refined_lines(lines: Sequence[str], records: Iterable[ChunkRecord]) -> Iterator[_Kept | _New]:
    """Yield every line of the refined text; lines without a record were kept unchanged."""
    starts = _line_starts(lines)
    done = 0
    for record in records:
        for line in range(done, record.line_start):
            yield _unchanged(starts, line)
        done = record.line_start + record.line_count
        if record.rewritten is None:
            yield from _edited_lines(starts, record)
        else:
            line_break = starts[done] - 1
            yield _Kept([_RawRange(starts[record.line_start], line_break, record.rewritten)], line_break)
    for line in range(done, len(lines)):
        yield _unchanged(starts, line)


def _line_starts(lines: Sequence[str]) -> list[int]:
    """Return where each line starts, and where one after the last would."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _unchanged(starts: Sequence[int], line: int) -> _Kept:
    line_break = starts[line + 1] - 1
    return _Kept([_RawRange(starts[line], line_break)], line_break)


def _edited_lines(starts: Sequence[int], record: ChunkRecord) -> Iterator[_Kept | _New]:
    """Yield the lines of a chunk, with replacements mapped from offsets in the joined kept lines to the document."""
    joined = 0
    upcoming = inserted = 0
    for offset in record.kept:
        while inserted < len(record.insertions) and record.insertions[inserted].after < offset:
            yield _new(starts, record, inserted)
            inserted += 1
        line = record.line_start + offset
        line_break = starts[line + 1] - 1
        shift = starts[line] - joined
        end = line_break - shift
        pieces: list[_RawRange] = []
        done = joined
        # A source is never empty and contains no line break, so a match that starts in a line ends in it.
        while upcoming < len(record.replacements) and record.replacements[upcoming].start < end:
            match = record.replacements[upcoming]
            pieces.append(_RawRange(done + shift, match.start + shift))
            pieces.append(_RawRange(match.start + shift, match.end + shift, match.target_length))
            done = match.end
            upcoming += 1
        pieces.append(_RawRange(done + shift, end + shift))
        yield _Kept(pieces, line_break)
        joined = end + 1
    yield from (_new(starts, record, each) for each in range(inserted, len(record.insertions)))


def _new(starts: Sequence[int], record: ChunkRecord, inserted: int) -> _New:
    after, length = record.insertions[inserted]
    return _New(min(starts[record.line_start + after + 1], starts[-1] - 1), length)
