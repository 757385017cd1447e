r"""The released UltraX executor, reproduced: same result on every answer, defects included.

This module does to a document what `inference.py` and `post_process_and_execute.py` of github.com/openbmb/UltraX do
from the answers on, and traces it. Each chunk is the part of a window that no earlier window decides.

The released code counts lines in two ways. Windows have lines that end at \n, \r\n or \r; the executor's also end at
\x0b, \x0c, \x1c to \x1e, \x85, U+2028 and U+2029. After the first such character the executor reaches other lines than
those that the model named.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prox_assets.programs.execution.line_removal import ranges_of
from prox_assets.programs.execution.reference.no_result import Budget, merged_ranges
from prox_assets.programs.execution.reference.records import Answers, call_of, outcome, tidying
from prox_assets.programs.execution.reference.ultrax_calls import (
    OPERATION_NAMES,
    Call,
    lines_of_answer,
    read_call,
)
from prox_assets.programs.execution.reference.ultrax_comparing import Merged, is_repetitive, merge_replacements
from prox_assets.programs.execution.reference.ultrax_lines import Lines
from prox_assets.programs.refinement import (
    ChunkOutcome,
    Edit,
    EditStatus,
    Reason,
    Refinement,
    Verdict,
    dropped,
    kept,
)

_BLANK_LINES = re.compile(r"\n\n+")


@dataclass(slots=True)
class _Step:
    """One line of an answer and what becomes of it.

    Attributes:
        place: The place of its chunk in the document.
        line: The line.
        read: The call that the inference script reads; None if it reads none.
        call: The call that the executor gets; None if it gets none.
        status: Its status; None as long as nothing is known.
        removed: Characters that it removed.
        added: Characters that it added.
    """

    place: int
    line: str
    read: Call | None = None
    call: Call | None = None
    status: EditStatus | None = None
    removed: int = 0
    added: int = 0

    def count(self, removed: int, added: int) -> None:
        self.removed += removed
        self.added += added
        if removed or added:
            self.status = EditStatus.APPLIED

    def grow(self) -> None:
        self.count(0, 1)


@dataclass(slots=True)
class _Replacement:
    """What the executor gets for one or more replacements in a line; `merged` is the line that several make of it."""

    number: int
    steps: list[_Step]
    merged: Merged | None = None


@dataclass(slots=True)
class _Result:
    """What becomes of a document.

    Attributes:
        text: The text; "" of a document without anything worth keeping.
        untidied: The text before white space was tidied.
        reason: Why it is dropped, or why all programs together are not executed.
        removed: (place of the chunk, line of the executor from 0) of each line that was removed, in order.
    """

    text: str
    untidied: str
    reason: Reason | None = None
    removed: list[tuple[int, int]] = field(default_factory=list)


class _FailedError(Exception):
    """The released code catches an error of its own and keeps the document."""


def refine(text: str, programs: Answers) -> Refinement:
    r"""Refine a document as the released pipeline does with the answers for its windows.

    Every line break becomes `\n`, even where no call changes anything. A chunk without a program counts as one on which
    the model failed: it is kept.

    Args:
        text: The document.
        programs: Its chunks in order with their programs.

    Raises:
        ReferenceExecutionError: The released code takes longer than anyone would wait.
    """
    steps = [
        _Step(place, line) for place, (_, program) in enumerate(programs) for line in lines_of_answer(program or "")
    ]
    normal = _with_line_feeds(text)
    try:
        result = _execute(normal, steps, _windows(text, programs))
    except _FailedError:
        result = _Result(normal, normal, Reason.EXECUTION_FAILED)
    return _refinement(text, programs, steps, result)


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _windows(text: str, programs: Answers) -> list[tuple[int, int]]:
    r"""Return the first and last line of each chunk as the released code numbers them, where a lone \r ends a line."""
    if "\r" not in text:
        return [(chunk.line_start + 1, chunk.line_end + 1) for chunk, _ in programs]
    lines = text.split("\n")
    counts = [1 + line.count("\r") - line.endswith("\r") for line in lines]
    counts[-1] += lines[-1].endswith("\r")  # no \n follows this one
    before = [0, *accumulate(counts)]
    return [(before[chunk.line_start] + 1, before[chunk.line_end + 1]) for chunk, _ in programs]


def _execute(text: str, steps: Sequence[_Step], windows: Sequence[tuple[int, int]]) -> _Result:
    if not text.strip():
        return _Result(text, text)  # the model was not asked
    worthless = _read(steps, windows, text.count("\n") + 1)
    given = [(step, step.call.reread()) for step in steps if step.call]
    budget = Budget()
    lines = Lines(text)
    replacements = [] if worthless else _replacements(given, lines, budget)
    others = [(step, call) for step, call in given if call.kind != "replace_str"]
    if not worthless and is_repetitive([call for _, call in given], text, budget):
        return _Result(text, text, Reason.REPETITIVE)
    if not replacements and [call.kind for _, call in others] in ([], ["keep_all"], ["remove_all"]):
        for step, call in others:
            if call.kind == "remove_all":
                step.count(len(text), 0)
                return _Result("", "", Reason.JUDGED_WORTHLESS)
        return _Result(text, text)
    for replacement in replacements:
        _replace(lines, replacement)
    removed = [gone for step, call in others for gone in _change_lines(lines, step, call)]
    if worthless:
        return _Result("", "", Reason.JUDGED_WORTHLESS, removed)
    untidied = lines.joined()
    tidied = _BLANK_LINES.sub("\n", _with_line_feeds(untidied)).strip("\n")
    return _Result(tidied, untidied, None if tidied else Reason.NOTHING_LEFT, removed)


def _read(steps: Sequence[_Step], windows: Sequence[tuple[int, int]], line_count: int) -> bool:
    """Read the calls as the inference script does; return whether it writes that the document is worthless.

    Raises:
        _FailedError: A number has more digits than Python reads.
    """
    for step in steps:
        try:
            step.read = read_call(step.line)
        except ValueError as error:
            raise _FailedError from error
        if step.read and step.read.kind == "keep_all":
            step.status = EditStatus.NO_CHANGE
    if len(windows) != 1:
        return _merge_windows(steps, windows, line_count)
    for step in steps:
        step.call = step.read
    return False


def _merge_windows(steps: Sequence[_Step], windows: Sequence[tuple[int, int]], line_count: int) -> bool:
    """Set `call` to what a step asks of its window's own part; return whether they remove every line."""
    for step in steps:
        if step.read is not None:
            adjusted = _adjusted(step.read, *windows[step.place])
            if isinstance(adjusted, Call):
                step.call = adjusted
            else:
                step.status = adjusted
    calls = [step.call for step in steps if step.call]
    if any(call.kind != "remove_lines" for call in calls):
        return False
    ranges = [(call.first, call.second) for call in calls if call.first <= call.second]
    return merged_ranges(ranges) == [(1, line_count)]


def _adjusted(call: Call, first: int, last: int) -> Call | EditStatus:
    """Return what is left of a call in the lines `first` to `last`, or why nothing is."""
    # What lies before the first window's part is before the document.
    before = EditStatus.DECIDED_BEFORE if first > 1 else EditStatus.IGNORED
    match call.kind:
        case "keep_all":
            return EditStatus.NO_CHANGE
        case "remove_all":
            return Call("remove_lines", first, last)
        case "remove_lines" if call.second < first:
            return EditStatus.REVERSED if call.first > call.second else before
        case "remove_lines":
            return call._replace(first=max(call.first, first), second=min(call.second, last))
        case _ if call.first < first:
            return before
        case _ if call.first > last:
            return EditStatus.OUT_OF_RANGE
        case _:
            return call


def _replacements(given: Sequence[tuple[_Step, Call]], lines: Lines, budget: Budget) -> list[_Replacement]:
    """Return the replacements that the executor makes, those in one line as one; set a status on the others."""
    by_line: dict[int, list[tuple[_Step, Call]]] = defaultdict(list)
    for step, call in given:
        if call.kind != "replace_str":
            continue
        if 1 <= call.first <= len(lines):
            matches = lines[call.first].count(call.old)
            if matches != 1:
                several = EditStatus.AMBIGUOUS if call.old else EditStatus.EMPTY_SOURCE
                step.status = several if matches else EditStatus.NO_MATCH
                continue
        else:
            step.status = EditStatus.OUT_OF_RANGE
        by_line[call.first].append((step, call))
    replacements: list[_Replacement] = []
    for number in sorted(by_line):
        for step, call in by_line[number]:
            step.call = call
        of_line = [step for step, _ in by_line[number]]
        merged = None
        if len(of_line) > 1 and 1 <= number <= len(lines):
            pairs = [(call.old, call.new) for _, call in by_line[number]]
            merged = merge_replacements(lines[number], pairs, budget)
        if merged:
            replacements.append(_Replacement(number, of_line, merged))
        else:
            replacements += [_Replacement(number, [step]) for step in of_line]
    return replacements


def _replace(lines: Lines, replacement: _Replacement) -> None:
    number, merged = replacement.number, replacement.merged
    if not 1 <= number <= len(lines):
        return
    if merged:
        lines.put(number, merged.line)
        for owner, step in enumerate(replacement.steps):
            if owner in merged.missed:
                step.status = EditStatus.OVERLAPPED
            step.count(merged.removed[owner], merged.added[owner])
        return
    for step in replacement.steps:
        line = lines[number]
        if step.call is None or step.call.old not in line:
            step.status = EditStatus.OVERLAPPED
        elif step.call.old == step.call.new:
            step.status = EditStatus.NO_CHANGE
        else:
            lines.put(number, line.replace(step.call.old, step.call.new, 1))
            step.count(len(step.call.old), len(step.call.new))


def _change_lines(lines: Lines, step: _Step, call: Call) -> list[tuple[int, int]]:
    """Execute a call that is no replacement; return the lines that it removed, as `_Result.removed` has them.

    Raises:
        _FailedError: A number is too large for a float.
    """
    if call.kind == "add_line":
        try:
            overwritten = lines.insert(call.first, call.second, call.new, step.grow)
        except OverflowError as error:
            raise _FailedError from error
        step.count(len(overwritten), len(call.new))
        step.status = step.status or EditStatus.NO_CHANGE
    elif call.kind == "remove_lines":
        gone, characters = lines.remove(call.first, call.second)
        step.count(characters, 0)
        if not characters:  # a replacement may have left nothing of a line
            step.status = _why_nothing_went(step, call, len(lines))
            return []
        return [(step.place, line) for line in gone]
    return []


def _why_nothing_went(step: _Step, call: Call, line_count: int) -> EditStatus:
    if step.read and step.read.kind == "remove_lines" and step.read.first > step.read.second:
        return EditStatus.REVERSED
    outside = call.first > call.second or call.first > line_count or call.second < 1
    return EditStatus.OUT_OF_RANGE if outside else EditStatus.ALREADY_REMOVED


def _refinement(text: str, programs: Answers, steps: Sequence[_Step], result: _Result) -> Refinement:
    rejected = result.reason in (Reason.REPETITIVE, Reason.EXECUTION_FAILED)
    by_place: dict[int, list[Edit]] = defaultdict(list)
    for step in steps:
        chunk = programs[step.place][0]
        by_place[step.place].append(_edit(chunk.index, len(by_place[step.place]), step, rejected))
    edits = [edit for place in range(len(programs)) for edit in by_place[place]]
    gone = _removed_lines(text, result.removed) if not rejected else {}
    chunks: list[ChunkOutcome] = []
    for place, (chunk, program) in enumerate(programs):
        if rejected:
            chunks.append(outcome(chunk, program, Verdict.REFUSED))
        elif EditStatus.APPLIED in [edit.status for edit in by_place[place]]:
            chunks.append(ChunkOutcome(chunk.index, Verdict.APPLIED, ranges_of(sorted(gone.get(place, ())))))
        else:
            chunks.append(outcome(chunk, program, Verdict.NO_CHANGE))
    if result.reason and not rejected:
        return dropped(text, chunks, edits, result.reason)
    if programs and (result.untidied != result.text or "\r" in text):
        calls = sum(edit.characters_added - edit.characters_removed for edit in edits)
        last = len(programs) - 1
        edits.append(tidying(programs[last][0], len(by_place[last]), len(text) + calls - len(result.text)))
    return kept(text, result.text, chunks, edits, result.reason)


def _edit(chunk: int, position: int, step: _Step, rejected: bool) -> Edit:
    operation, arguments = call_of(step.line, None)
    if step.read:
        operation, arguments = call_of(step.line, step.read.operation(), OPERATION_NAMES[step.read.kind])
    status = step.status or EditStatus.IGNORED
    if rejected:
        if step.read and not status.is_error:
            status = EditStatus.PROGRAM_REJECTED
        return Edit(chunk, position, operation, arguments, status)
    return Edit(chunk, position, operation, arguments, status, step.removed, step.added)


def _removed_lines(text: str, removed: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Return by chunk the document's lines of which it removed the last piece that was left."""
    gone: dict[int, list[int]] = defaultdict(list)
    if not removed:
        return gone
    lines = text.split("\n")
    left = [len(_with_line_feeds(f"{line}\n").splitlines()) for line in lines[:-1]]
    left.append(len(_with_line_feeds(lines[-1]).splitlines()))
    line_of = [number for number, pieces in enumerate(left) for _ in range(pieces)]
    for place, piece in removed:
        line = line_of[piece]
        left[line] -= 1
        if not left[line]:
            gone[place].append(line)
    return gone
