"""Strict execution of one chunk's program: the default, without the defects of the released executor.

It judges each call, may reject the program as a whole, and applies the remaining calls. The rules:

* Line numbers refer to the chunk that was shown. A range that is reversed or extends outside the chunk does nothing,
  even to the lines inside: the model did not read such numbers from the chunk, so none of them can be trusted.
* `remove_lines(all=True)` removes the chunk, not the document.
* An operation repeated within a program counts once.
* `normalize` acts on the lines that the chunk keeps, inside single lines, all at once and on the original text: the
  longest source wins at each position, and neither the order of calls nor the inserted text matters.
* If a string occurs only in lines that the program removes, its call has not failed.
* Under `policy.protect_formulas`, lines with a formula are not removed, and no replacement takes part of a formula.
* If the errors reach `policy.error_limit`, or the answer was cut off, the chunk stays as it was.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.parsed import ParseError, ParseErrorReason
from prox_assets.programs.dialects.prox import parse
from prox_assets.programs.execution.line_removal import LineRemoval
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.execution.replacing import Search, Tally, replace_all_at_once
from prox_assets.programs.formulas import Span
from prox_assets.programs.operations import (
    DropDoc,
    KeepChunk,
    KeepDoc,
    Normalize,
    Operation,
    RemoveAllLines,
    RemoveLines,
    call_arguments,
    call_name,
)
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import (
    UNPARSED_OPERATION,
    ChunkOutcome,
    Edit,
    EditStatus,
    Verdict,
    arguments_json,
)

NORMALIZE_LIMIT = 512
"""Maximum number of different normalize operations executed per chunk, so that the cost stays linear in the text."""

SOURCE_LIMIT = 2_000
"""Maximum length of a source string in characters; anything longer is a whole line, a job for remove_lines."""

LOOP_REPEATS = 4
"""Number of repeats of one operation in a program from which it counts as looping."""

Formulas = Mapping[int, tuple[Span, ...]]
"""Where the formulas of a document are, by line number."""


@dataclass(slots=True)
class _Call:
    """One call that will become an Edit; None as status means that it is still to be executed."""

    content: Operation | ParseError
    status: EditStatus | None = None
    characters_removed: int = 0
    characters_added: int = 0


def refine_chunk(
    lines: Sequence[str],
    chunk: Chunk,
    program: str | tuple[Operation, ...],
    truncated: bool,
    policy: ExecutionPolicy,
    record: ChunkRecord | None = None,
    formulas: Formulas = MappingProxyType({}),
) -> tuple[Sequence[str], ChunkOutcome, list[Edit]]:
    """Run one chunk's program.

    Args:
        lines: The chunk's lines.
        chunk: Their place in the document.
        program: Program text, or operations.
        truncated: Whether the token limit cut off the answer.
        policy: The execution policy.
        record: Receives which lines stay and what is replaced; must start out with every line kept.
        formulas: The formulas that stay, by the number of their line in the document.

    Returns:
        The remaining lines, the program's outcome, and one Edit per call.
    """
    contents = _contents(program) if isinstance(program, str) else program
    calls = [_Call(content) for content in contents]
    first_number = policy.first_line_number(chunk)
    _judge(calls, len(lines), first_number)
    errors = sum([call.status.is_error for call in calls if call.status is not None])
    if truncated or errors >= policy.error_limit:
        for call in calls:
            call.status = call.status or EditStatus.PROGRAM_REJECTED
        outcome = ChunkOutcome(chunk.index, Verdict.CUT_OFF if truncated else Verdict.REFUSED)
    else:
        shown = lines
        spared = [number for number in range(len(lines)) if chunk.line_start + number in formulas] if formulas else []
        removal = _remove_lines(lines, calls, first_number, spared)
        kept: Sequence[int] = range(len(lines))
        if removal is not None:
            kept = removal.kept()
            lines = [lines[line] for line in kept]
            if record is not None:
                record.kept = kept
        inside = [formulas.get(chunk.line_start + number, ()) for number in kept] if spared else []
        lines = _normalize(lines, calls, policy.whole_words, record, inside)
        if removal is not None:
            _excuse_removed(shown, calls)
        applied = EditStatus.APPLIED in [call.status for call in calls]
        outcome = ChunkOutcome(
            chunk.index,
            Verdict.APPLIED if applied else Verdict.NO_CHANGE,
            removal.removed(chunk.line_start) if removal is not None else (),
        )
    return lines, outcome, [_edit(chunk.index, position, call) for position, call in enumerate(calls)]


def _contents(program: str) -> tuple[Operation | ParseError, ...]:
    # A refiner that leaves a chunk unchanged says so, so an empty answer (or only comments) is a visible failure.
    return parse(program).calls or (ParseError(ParseErrorReason.EMPTY_PROGRAM, ""),)


def _judge(calls: list[_Call], line_count: int, first_number: int) -> None:
    """Set a status on every call that will not be executed."""
    seen: dict[Operation | tuple[int, int], int] = {}
    normalizes = 0
    for call in calls:
        content = call.content
        if isinstance(content, ParseError):
            call.status = EditStatus.UNPARSED
            continue
        # Most calls are ranges, and a pair of numbers is several times faster to look up than the operation.
        key = (content.start, content.end) if isinstance(content, RemoveLines) else content
        repeats = seen.get(key, 0)
        seen[key] = repeats + 1
        if repeats:
            call.status = EditStatus.LOOPED if repeats >= LOOP_REPEATS else EditStatus.DUPLICATE
            continue
        call.status = _fault(content, line_count, first_number)
        if call.status is None and isinstance(content, Normalize):
            normalizes += 1
            if normalizes > NORMALIZE_LIMIT:
                call.status = EditStatus.OVER_LIMIT


def _fault(operation: Operation, line_count: int, first_number: int) -> EditStatus | None:
    if isinstance(operation, RemoveLines):
        if operation.start > operation.end:
            return EditStatus.REVERSED
        outside = operation.start < first_number or operation.end >= first_number + line_count
        return EditStatus.OUT_OF_RANGE if outside else None
    match operation:
        case KeepDoc() | DropDoc():
            return EditStatus.WRONG_LEVEL
        case KeepChunk():
            return EditStatus.NO_CHANGE
        case Normalize():
            return _normalize_fault(operation)
    return None


def _normalize_fault(operation: Normalize) -> EditStatus | None:
    if not operation.source:
        return EditStatus.EMPTY_SOURCE
    if operation.source == operation.target:
        return EditStatus.NO_CHANGE
    if not _readings(operation):
        return EditStatus.SPANS_LINES
    if len(operation.source) > SOURCE_LIMIT:
        return EditStatus.OVER_LIMIT
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in operation.target):
        return EditStatus.INVALID_TARGET
    return None


def _readings(operation: Normalize) -> list[tuple[str, str]]:
    """Return the (source, target) pairs to search for, unescaped and as written, except pairs with a line break."""
    pairs = [(operation.source, operation.target)]
    if operation.verbatim and operation.verbatim[0] != operation.source:
        pairs.append(operation.verbatim)
    return [pair for pair in pairs if "\n" not in pair[0] and "\n" not in pair[1]]


def _remove_lines(
    lines: Sequence[str], calls: list[_Call], first_number: int, spared: Sequence[int]
) -> LineRemoval | None:
    """Set a status on every call that removes lines; return the removal, or None if there is no such call."""
    removal: LineRemoval | None = None
    for call in calls:
        if call.status is not None:
            continue
        content = call.content
        if isinstance(content, RemoveLines):
            start, end = content.start - first_number, content.end - first_number
        elif isinstance(content, RemoveAllLines):
            start, end = 0, len(lines) - 1
        else:
            continue
        removal = removal or LineRemoval(len(lines), spared)
        removed = removal.remove(start, end)
        if removed:
            call.status = EditStatus.APPLIED
        else:
            has_spared = bisect_left(spared, start) < bisect_right(spared, end)
            call.status = EditStatus.PROTECTED if has_spared else EditStatus.ALREADY_REMOVED
        call.characters_removed = len(removed) + sum(map(len, map(lines.__getitem__, removed)))
    return removal


def _normalize(
    lines: Sequence[str],
    calls: list[_Call],
    whole_words: bool,
    record: ChunkRecord | None,
    formulas: Sequence[tuple[Span, ...]],
) -> Sequence[str]:
    """Set a status on every call that replaces a string; return the lines with its matches replaced.

    `formulas` has those of each line, or is empty if there are none.
    """
    pending = [(call, call.content) for call in calls if call.status is None and isinstance(call.content, Normalize)]
    if not pending:
        return lines
    searches = [
        Search(source, target, owner)
        for owner, (_, operation) in enumerate(pending)
        for source, target in _readings(operation)
    ]
    # No source contains a line break, so no match spans lines or reaches a removed line.
    replacements = None if record is None else record.replacements
    protected = list(_in_joined(lines, formulas))
    replaced = replace_all_at_once("\n".join(lines), searches, len(pending), whole_words, replacements, protected)
    if replaced is None:
        for call, _ in pending:
            call.status = EditStatus.OVER_LIMIT
        if record is not None:
            record.replacements.clear()
        return lines
    text, tallies = replaced
    for (call, operation), tally in zip(pending, tallies, strict=True):
        call.status = _normalize_status(operation, tally)
        call.characters_removed = tally.characters_removed
        call.characters_added = tally.characters_added
    return text.split("\n") if lines else lines


def _in_joined(lines: Sequence[str], spans: Sequence[tuple[Span, ...]]) -> Iterator[Span]:
    """Yield spans of single lines as spans of all lines joined by line breaks."""
    offset = 0
    for line, of_line in zip(lines, spans, strict=False):
        yield from ((offset + start, offset + end) for start, end in of_line)
        offset += len(line) + 1


def _excuse_removed(shown: Sequence[str], calls: Sequence[_Call]) -> None:
    """Tell strings that were removed with their lines from strings that the chunk never contained.

    A refiner that scores lines and strings separately cannot know which lines a threshold will remove.
    """
    missed = [call for call in calls if call.status is EditStatus.NO_MATCH]
    if not missed:
        return
    # The kept lines contain none of these strings, so a match in the whole chunk is in a removed line.
    text = "\n".join(shown)
    for call in missed:
        if isinstance(call.content, Normalize) and any(source in text for source, _ in _readings(call.content)):
            call.status = EditStatus.ALREADY_REMOVED


def _normalize_status(operation: Normalize, tally: Tally) -> EditStatus:
    if tally.replaced:
        return EditStatus.APPLIED
    if tally.overlapped:
        return EditStatus.OVERLAPPED
    if tally.protected:
        return EditStatus.PROTECTED
    if tally.cut_words:
        return EditStatus.CUTS_WORD
    # Only the verbatim spelling was searched for.
    return EditStatus.SPANS_LINES if "\n" in operation.source + operation.target else EditStatus.NO_MATCH


def _edit(chunk_index: int, position: int, call: _Call) -> Edit:
    if isinstance(call.content, RemoveLines):  # the common case: two numbers need no JSON encoder
        operation = "remove_lines"
        arguments = f'{{"line_start": {call.content.start}, "line_end": {call.content.end}}}'
    elif isinstance(call.content, ParseError):
        operation = UNPARSED_OPERATION
        arguments = arguments_json({"reason": call.content.reason.value, "text": call.content.text})
    else:
        operation = call_name(call.content)
        arguments = arguments_json(call_arguments(call.content))
    status = call.status or EditStatus.NO_CHANGE
    return Edit(chunk_index, position, operation, arguments, status, call.characters_removed, call.characters_added)
