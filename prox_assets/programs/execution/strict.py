"""Strict execution of one chunk's program: the default, without the defects of the released executors.

`judging` judges each call; then the program may be rejected as a whole, and else the remaining calls are applied to the
chunk's lines, all at once. The rules:

* Line numbers refer to the chunk that was shown. A range that is reversed or extends outside the chunk does nothing,
  even to the lines inside: the model did not read such numbers from the chunk, so none of them can be trusted.
* `remove_lines(all=True)` and `remove_all()` remove the chunk, not the document.
* An operation repeated within a program counts once.
* Strings are replaced in the lines that the chunk keeps, inside single lines and on the original text: the longest
  source wins at each position, and neither the order of calls nor the inserted text matters.
* If a string occurs only in lines that the program removes, its call has not failed.
* A line is inserted where it was said, whether or not the lines around it stay; beside `remove_all()` nothing is.
* A rewrite is recorded, and the rest of the program applied. Under `policy.execute_rewrites` the first one is all that
  is left of the chunk.
* Under `policy.protect_formulas`, lines with a formula are not removed, no replacement takes part of a formula, no line
  is inserted into one, and a rewrite must hold every formula of the chunk, in order and as it was.
* If the errors reach `policy.error_limit`, or the answer was cut off, the chunk stays as it was.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.dialect import DIALECTS
from prox_assets.programs.dialects.numbering import number_by_document
from prox_assets.programs.dialects.parsed import ParseError, ParseErrorReason
from prox_assets.programs.dialects.rendering import ShownLines
from prox_assets.programs.execution.in_line import Texts, replace_strings
from prox_assets.programs.execution.judging import Call, Judged, Place, edits, judge
from prox_assets.programs.execution.line_removal import LineRemoval
from prox_assets.programs.execution.recording import ChunkRecord, Insertion
from prox_assets.programs.formulas import Span
from prox_assets.programs.operations import InsertLine, Operation, RemoveAll, RemoveLines
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import ChunkOutcome, Edit, EditStatus, LineRange, Verdict


class Formulas(NamedTuple):
    """Formulas that stay.

    Attributes:
        spans: Where they are, by line number.
        unbroken: Lines whose formula goes on in the next line.
    """

    spans: Mapping[int, tuple[Span, ...]] = MappingProxyType({})
    unbroken: frozenset[int] = frozenset()

    def of_chunk(self, chunk: Chunk) -> "Formulas":
        """Return those of a chunk, with lines counted from its first one; -1 is the line before it."""
        if not self.spans:
            return self
        start, end = chunk.line_start, chunk.line_end + 1
        spans = {line - start: self.spans[line] for line in range(start, end) if line in self.spans}
        unbroken = frozenset(line - start for line in range(start - 1, end) if line in self.unbroken)
        return Formulas(spans, unbroken)


NO_FORMULAS = Formulas()

_EMPTY_PROGRAM = ParseError(ParseErrorReason.EMPTY_PROGRAM, "")


def refine_chunk(
    lines: Sequence[str],
    chunk: Chunk,
    program: str | tuple[Operation, ...],
    truncated: bool,
    policy: ExecutionPolicy,
    record: ChunkRecord | None = None,
    formulas: Formulas = NO_FORMULAS,
    earlier: range = range(0),
) -> tuple[Sequence[str], ChunkOutcome, list[Edit]]:
    """Run one chunk's program.

    Args:
        lines: The chunk's lines.
        chunk: Their place in the document.
        program: Program text in the policy's dialect; or operations, whose line numbers count all lines of the chunk
            from `policy.first_line_number(chunk)`.
        truncated: Whether the token limit cut off the answer.
        policy: The execution policy.
        record: Receives which lines stay and what is put in; must start out with every line kept.
        formulas: The formulas of the document, by its line numbers.
        earlier: Lines that program text may name although an earlier window decides about them.

    Returns:
        The remaining lines (of a rewrite, one string with all of them), the program's outcome, and one Edit per call.
    """
    contents, place = _read(lines, chunk, program, policy, earlier)
    judged = judge(contents, place)
    if truncated or judged.errors >= policy.error_limit:
        for call in judged.calls:
            call.status = call.status or EditStatus.PROGRAM_REJECTED
        outcome = ChunkOutcome(chunk.index, Verdict.CUT_OFF if truncated else Verdict.REFUSED)
    else:
        own = formulas.of_chunk(chunk)
        removed: tuple[LineRange, ...] = ()
        if judged.rewrites and (text := _rewritten(lines, judged, policy, own.spans)) is not None:
            if record is not None:
                record.rewritten = len(text)
            lines = [text]
        else:
            lines, removed = _edited(lines, chunk, judged, place.first, policy, record, own)
        applied = EditStatus.APPLIED in [call.status for call in judged.calls]
        outcome = ChunkOutcome(chunk.index, Verdict.APPLIED if applied else Verdict.NO_CHANGE, removed)
    return lines, outcome, edits(chunk.index, judged.calls)


def _read(
    lines: Sequence[str], chunk: Chunk, program: str | tuple[Operation, ...], policy: ExecutionPolicy, earlier: range
) -> tuple[Sequence[Operation | ParseError], Place]:
    """Return the calls of a program, and which line numbers they may name."""
    dialect = DIALECTS[policy.dialect]
    # A refiner that leaves a chunk unchanged says so, so an empty answer (or only comments) is a visible failure.
    calls = (dialect.parse(program).calls or (_EMPTY_PROGRAM,)) if isinstance(program, str) else program
    first = policy.first_line_number(chunk)
    if dialect.is_native:
        return calls, Place(first, first + len(lines))
    every = range(chunk.line_start, chunk.line_end + 1)
    if isinstance(program, str):
        shown = dialect.shown_lines(lines, chunk.line_start, first)
    else:
        shown, earlier = ShownLines(every, every, first), range(0)
    return number_by_document(calls, shown, earlier), Place(every.start, every.stop, earlier)


def _rewritten(
    lines: Sequence[str], judged: Judged, policy: ExecutionPolicy, formulas: Mapping[int, tuple[Span, ...]]
) -> str | None:
    """Set a status on every rewrite and, if one of them is executed, on all calls; return its text, or None."""
    before = "\n".join(lines)
    chosen: str | None = None
    for call, rewrite in judged.rewrites:
        text = rewrite.text
        if not policy.execute_rewrites:
            call.status = EditStatus.RECORDED
        elif chosen is not None:
            call.status = EditStatus.SUPERSEDED
        elif text == before:
            call.status = EditStatus.NO_CHANGE
        elif not _holds(text, lines, formulas):
            call.status = EditStatus.PROTECTED
        else:
            chosen = text
            call.status = EditStatus.APPLIED
            call.characters_removed, call.characters_added = len(before), len(text)
    if chosen is not None:
        for call in judged.calls:
            call.status = call.status or EditStatus.SUPERSEDED
    return chosen


def _holds(text: str, lines: Sequence[str], formulas: Mapping[int, tuple[Span, ...]]) -> bool:
    """Tell whether a text holds every formula, in order and as it is."""
    done = 0
    for line, spans in formulas.items():
        for start, end in spans:
            place = text.find(lines[line][start:end], done)
            if place < 0:
                return False
            done = place + end - start
    return True


def _edited(
    lines: Sequence[str],
    chunk: Chunk,
    judged: Judged,
    first_number: int,
    policy: ExecutionPolicy,
    record: ChunkRecord | None,
    formulas: Formulas,
) -> tuple[Sequence[str], tuple[LineRange, ...]]:
    """Set a status on every call that is still to be executed; return the lines that are left, and what was removed."""
    removal = _removal(lines, judged.removals, first_number, list(formulas.spans)) if judged.removals else None
    kept: Sequence[int] = range(len(lines)) if removal is None else removal.kept()
    if record is not None:
        record.kept = kept
    left: Sequence[str] = lines if removal is None else [lines[line] for line in kept]
    if judged.replacements:
        as_shown = not DIALECTS[policy.dialect].shows_blank_lines
        texts = Texts(lines, kept, left, first_number, as_shown)
        left = replace_strings(texts, judged.replacements, policy.whole_words, record, formulas.spans)
    if judged.insertions:
        worthless = any(isinstance(call.content, RemoveAll) for call in judged.removals)
        insertions = _executable(judged.insertions, first_number, worthless, formulas.unbroken)
        left = _with_insertions(left, kept, insertions, first_number, record)
    return left, () if removal is None else removal.removed(chunk.line_start)


def _removal(lines: Sequence[str], calls: Sequence[Call], first_number: int, spared: Sequence[int]) -> LineRemoval:
    """Remove lines, and set a status on every call that does."""
    removal = LineRemoval(len(lines), spared)
    for call in calls:
        content = call.content
        if isinstance(content, RemoveLines):
            start, end = content.start - first_number, content.end - first_number
        else:
            start, end = 0, len(lines) - 1
        removed = removal.remove(start, end)
        if removed:
            call.status = EditStatus.APPLIED
        else:
            has_spared = bisect_left(spared, start) < bisect_right(spared, end)
            call.status = EditStatus.PROTECTED if has_spared else EditStatus.ALREADY_REMOVED
        call.characters_removed = len(removed) + sum(map(len, map(lines.__getitem__, removed)))
    return removal


def _executable(
    calls: Sequence[tuple[Call, InsertLine]], first_number: int, worthless: bool, unbroken: frozenset[int]
) -> list[tuple[Call, InsertLine]]:
    """Return the calls that insert a line; set a status on those that stand beside remove_all, or cut a formula."""
    executable: list[tuple[Call, InsertLine]] = []
    for call, insertion in calls:
        if worthless:
            call.status = EditStatus.ALREADY_REMOVED
        elif insertion.after - first_number in unbroken:
            call.status = EditStatus.PROTECTED
        else:
            executable.append((call, insertion))
    return executable


def _with_insertions(
    left: Sequence[str],
    kept: Sequence[int],
    calls: Sequence[tuple[Call, InsertLine]],
    first_number: int,
    record: ChunkRecord | None,
) -> Sequence[str]:
    """Insert lines, and set a status on every call that does; return the lines that are left with the new ones."""
    new: list[tuple[int, int, str]] = []
    for call, insertion in calls:
        new.append((insertion.after - first_number, insertion.rank, insertion.text))
        call.status = EditStatus.APPLIED
        call.characters_added = len(insertion.text) + 1
    new.sort(key=lambda line: line[:2])  # of equal rank in program order, because sorting is stable
    together: list[str] = []
    done = 0
    for after, _, text in new:
        end = bisect_right(kept, after, done)
        together += left[done:end]
        together.append(text)
        done = end
    if record is not None:
        record.insertions = [Insertion(after, len(text)) for after, _, text in new]
    return [*together, *left[done:]]
