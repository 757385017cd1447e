"""Documents before and after, side by side: which documents are shown, and what stands on which side.

The templates add the markup: they escape every piece of text and mark it by its kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.printable import printable, printable_lines
from prox_assets.catalog.queries.documents_to_show import documents_to_show
from prox_assets.catalog.text_diff import DiffGroup, DiffLine, DiffPiece, Mark
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

EDITED = 4
MOST_REMOVED = 2
DROPPED = 2

ROWS_PER_SAMPLE = 40
CHARACTERS_PER_LINE = 400
PROGRAMS_PER_SAMPLE = 4
CHARACTERS_PER_PROGRAM = 600


@dataclass(frozen=True)
class SampleRow:
    """One line on each side; a side without that line is empty. A row may also stand for lines that are left out."""

    before: tuple[DiffPiece, ...] = ()
    after: tuple[DiffPiece, ...] = ()
    left_out: int = 0
    left_out_mark: Mark = Mark.KEPT


@dataclass(frozen=True)
class Sample:
    """A document before and after.

    Attributes:
        why: Why it is shown.
        trace: What happened to it.
        programs: Its first programs, printable; operations with their status where lines were scored.
        rows: The comparison, printable.
        more: Rows that are not shown.
    """

    why: str
    trace: DocumentTrace
    programs: tuple[str, ...]
    rows: tuple[SampleRow, ...]
    more: int


def samples(lake: Lake, corpus: str, shards: Sequence[str], drifted: Sequence[str] = ()) -> list[Sample]:
    """Return sample documents: edited ones around the median removal, those that lost most, and dropped ones.

    Args:
        lake: The lake.
        corpus: The corpus.
        shards: The shards to choose from.
        drifted: Shards in which something has moved: their documents come first, with the same numbers of each kind.

    Raises:
        LakeError: A file is damaged; the message names it.
    """
    found: list[Sample] = []
    for some, note in ((drifted, " · from a shard that drifted"), (shards, "")):
        if some:
            found += [replace(sample, why=f"{sample.why}{note}") for sample in _samples(lake, corpus, some)]
    return found


def _samples(lake: Lake, corpus: str, shards: Sequence[str]) -> list[Sample]:
    chosen = ask_corpus(
        lake, corpus, lambda con: documents_to_show(con, EDITED, MOST_REMOVED, DROPPED), (Table.OUTCOMES,), shards
    )
    return [_sample(read_trace(lake, place), why) for place, why in chosen.items()]


def _sample(trace: DocumentTrace, why: str) -> Sample:
    rows = side_by_side(trace.diff())
    document = [trace.decision.program] if trace.decision is not None and trace.decision.program else []
    chunks = [chunk.program for chunk in trace.chunks if chunk.program is not None] or [
        f"{edit.operation} {edit.arguments or ''}  # {edit.status}" for chunk in trace.chunks for edit in chunk.edits
    ]
    programs = tuple(_shown(text) for text in [*document, *chunks[:PROGRAMS_PER_SAMPLE]])
    return Sample(why, trace, programs, rows[:ROWS_PER_SAMPLE], max(0, len(rows) - ROWS_PER_SAMPLE))


def _shown(program: str) -> str:
    text = printable_lines(program)
    return text if len(text) <= CHARACTERS_PER_PROGRAM else text[:CHARACTERS_PER_PROGRAM] + "…"


def side_by_side(groups: Sequence[DiffGroup]) -> tuple[SampleRow, ...]:
    """Put raw text on the left and refined text on the right; a folded group becomes one row."""
    rows: list[SampleRow] = []
    for group in groups:
        if group.folded:
            rows.append(SampleRow(left_out=len(group.lines), left_out_mark=group.lines[0].mark))
        else:
            rows += [SampleRow(_side(line, Mark.ADDED), _side(line, Mark.REMOVED)) for line in group.lines]
    return tuple(rows)


def _side(line: DiffLine, absent: Mark) -> tuple[DiffPiece, ...]:
    """Return the pieces of a line without those of one kind, printable and cut off where the line gets too long."""
    kept: list[DiffPiece] = []
    room = CHARACTERS_PER_LINE
    for mark, text in line.pieces:
        if mark is absent:
            continue
        if len(text) > room:
            kept.append(DiffPiece(mark, printable(text[:room]) + "…"))
            break
        kept.append(DiffPiece(mark, printable(text)))
        room -= len(text)
    return tuple(kept)
