"""Executes the calls of a chunk's program that replace strings inside lines: normalize and replace_in_line."""

from collections.abc import Iterator, Mapping, Sequence

from prox_assets.programs.execution.judging import Call, readings
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.execution.replacing import Search, Tally, replace_all_at_once
from prox_assets.programs.formulas import Span
from prox_assets.programs.operations import Normalize, ReplaceInLine
from prox_assets.programs.refinement import EditStatus


def replace_strings(
    shown: Sequence[str],
    kept: Sequence[int],
    calls: Sequence[Call],
    first_number: int,
    whole_words: bool,
    record: ChunkRecord | None,
    formulas: Mapping[int, tuple[Span, ...]],
) -> Sequence[str]:
    """Set a status on every call that replaces a string; return the lines that stay, with its matches replaced.

    Args:
        shown: The chunk's lines.
        kept: Those that stay, counted from 0.
        calls: The calls; each has a `Normalize` or a `ReplaceInLine`.
        first_number: The number that they give to the chunk's first line.
        whole_words: Whether a normalize leaves matches alone that would cut a word.
        record: Receives what is replaced.
        formulas: Where the formulas of the chunk are, by line, counted from 0.
    """
    lines = shown if len(kept) == len(shown) else [shown[line] for line in kept]
    if not calls:
        return lines
    searches = list(_searches(shown, kept, lines, calls, first_number))
    if searches or any(call.status is None for call in calls):
        # No source contains a line break, so no match spans lines or reaches a removed line.
        replacements = None if record is None else record.replacements
        protected = list(_in_joined(lines, kept, formulas)) if formulas else []
        replaced = replace_all_at_once("\n".join(lines), searches, len(calls), whole_words, replacements, protected)
        if replaced is None:
            for call in calls:
                call.status = call.status or EditStatus.OVER_LIMIT
            if record is not None:
                record.replacements.clear()
            return lines
        text, tallies = replaced
        for call, tally in zip(calls, tallies, strict=True):
            call.status = call.status or _status(call, tally)
            call.characters_removed = tally.characters_removed
            call.characters_added = tally.characters_added
        lines = text.split("\n") if lines else lines
    if len(kept) < len(shown):
        _excuse_removed(shown, calls)
    return lines


def _searches(
    shown: Sequence[str], kept: Sequence[int], lines: Sequence[str], calls: Sequence[Call], first_number: int
) -> Iterator[Search]:
    """Yield what to search for; a call of one line whose match is not there, or not the only one, gets its status."""
    starts: dict[int, int] | None = None
    for owner, call in enumerate(calls):
        operation = call.content
        if isinstance(operation, Normalize):
            yield from [Search(source, target, owner) for source, target in readings(operation)]
        elif isinstance(operation, ReplaceInLine):
            starts = _starts(kept, lines) if starts is None else starts
            line = operation.line - first_number
            place = shown[line].find(operation.source)
            if line not in starts:
                call.status = EditStatus.ALREADY_REMOVED
            elif place < 0:
                call.status = EditStatus.NO_MATCH
            elif operation.occurrence == "only" and shown[line].find(operation.source, place + 1) >= 0:
                call.status = EditStatus.AMBIGUOUS
            else:
                yield Search(operation.source, operation.target, owner, starts[line] + place)


def _starts(kept: Sequence[int], lines: Sequence[str]) -> dict[int, int]:
    """Return where each line that stays begins when they are joined by line breaks."""
    starts: dict[int, int] = {}
    offset = 0
    for line, text in zip(kept, lines, strict=True):
        starts[line] = offset
        offset += len(text) + 1
    return starts


def _in_joined(lines: Sequence[str], kept: Sequence[int], formulas: Mapping[int, tuple[Span, ...]]) -> Iterator[Span]:
    """Yield the formulas of single lines as spans of all lines joined by line breaks."""
    offset = 0
    for line, text in zip(kept, lines, strict=True):
        yield from ((offset + start, offset + end) for start, end in formulas.get(line, ()))
        offset += len(text) + 1


def _excuse_removed(shown: Sequence[str], calls: Sequence[Call]) -> None:
    """Tell strings that were removed with their lines from strings that the chunk never contained.

    A refiner that scores lines and strings separately cannot know which lines a threshold will remove.
    """
    missed = [call for call in calls if call.status is EditStatus.NO_MATCH and isinstance(call.content, Normalize)]
    if not missed:
        return
    # The kept lines contain none of these strings, so a match in the whole chunk is in a removed line.
    text = "\n".join(shown)
    for call in missed:
        if isinstance(call.content, Normalize) and any(source in text for source, _ in readings(call.content)):
            call.status = EditStatus.ALREADY_REMOVED


def _status(call: Call, tally: Tally) -> EditStatus:
    if tally.replaced:
        return EditStatus.APPLIED
    if tally.overlapped:
        return EditStatus.OVERLAPPED
    if tally.protected:
        return EditStatus.PROTECTED
    if tally.cut_words:
        return EditStatus.CUTS_WORD
    # Only the verbatim spelling was searched for.
    operation = call.content
    spans = isinstance(operation, Normalize) and "\n" in operation.source + operation.target
    return EditStatus.SPANS_LINES if spans else EditStatus.NO_MATCH
