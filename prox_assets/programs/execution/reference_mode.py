"""Reference mode of `execute`: the released executor's result as a Refinement.

It joins chunk programs as the released pipeline does, and turns the trace into edits.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from prox_assets.programs.execution.line_removal import ranges_of
from prox_assets.programs.execution.reference import ReferenceExecutionError, Step, judge, trace
from prox_assets.programs.operations import Operation, render
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import (
    UNPARSED_OPERATION,
    ChunkOutcome,
    Edit,
    EditStatus,
    Reason,
    Refinement,
    Verdict,
    arguments_json,
    dropped,
    kept,
)

_EXCERPT_CHARACTERS = 200

_Program = str | tuple[Operation, ...] | None


def execute_as_released(text: str, programs: Sequence[tuple[int, _Program]], policy: ExecutionPolicy) -> Refinement:
    """Refine a document as the released pipeline does, with all chunk programs as one program on the whole text.

    If the released executor has no result, the document stays as it was, with reason "reference_crashed".

    Args:
        text: The document.
        programs: (chunk index, program) pairs in order; operations are rendered, None counts as an empty answer.
        policy: The execution policy, of which the reference thresholds apply.
    """
    answers = [(index, _program_text(program)) for index, program in programs]
    joined = "\n".join(answer for _, answer in answers)
    try:
        done = trace(text, joined)
        judgement = judge(
            text, done, policy.reference_threshold_1, policy.reference_threshold_2, policy.reference_error_op
        )
    except ReferenceExecutionError:
        crashed = [_chunk_outcome(index, program, Verdict.CRASHED) for index, program in programs]
        return kept(text, text, crashed, (), Reason.REFERENCE_CRASHED)
    rejected = judgement.decision == "reverted"
    line_count = text.count("\n") + 1
    remaining = iter(done.steps)
    chunks: list[ChunkOutcome] = []
    edits: list[Edit] = []
    for (index, program), (_, answer) in zip(programs, answers, strict=True):
        steps = list(islice(remaining, answer.count("\n") + 1))
        chunk_edits = list(_edits(index, steps, line_count, rejected))
        edits += chunk_edits
        chunks.append(_judged(index, program, steps, chunk_edits, rejected))
    reason = Reason(judgement.reason) if judgement.reason else None
    if judgement.decision == "dropped" and reason:
        return dropped(text, chunks, edits, reason)
    return kept(text, judgement.text, chunks, edits, reason)


def _program_text(program: _Program) -> str:
    if program is None:
        return ""
    # The released pipeline strips the answers before it joins them.
    return program.strip(" ") if isinstance(program, str) else render(program)


def _judged(
    index: int, program: _Program, steps: Sequence[Step], edits: Sequence[Edit], rejected: bool
) -> ChunkOutcome:
    """Return the outcome of one chunk's part of the document's program; a revert affects all parts."""
    if rejected:
        return _chunk_outcome(index, program, Verdict.REFUSED)
    if EditStatus.APPLIED not in [edit.status for edit in edits]:
        return _chunk_outcome(index, program, Verdict.NO_CHANGE)
    removed = sorted(line for step in steps for line in step.removed_lines)
    return ChunkOutcome(index, Verdict.APPLIED, ranges_of(removed))


def _chunk_outcome(index: int, program: _Program, verdict: Verdict) -> ChunkOutcome:
    return ChunkOutcome(index, Verdict.SKIPPED if program is None else verdict)


def _edits(chunk_index: int, steps: Sequence[Step], line_count: int, rejected: bool) -> Iterator[Edit]:
    """Yield an edit for every non-blank line of a chunk's program."""
    for position, step in enumerate(step for step in steps if step.line.strip()):
        yield _edit(chunk_index, position, step, line_count, rejected)


def _edit(chunk_index: int, position: int, step: Step, line_count: int, rejected: bool) -> Edit:
    operation, arguments = _call(step)
    status = _status(step, line_count)
    if rejected and not status.is_error:
        return Edit(chunk_index, position, operation, arguments_json(arguments), EditStatus.PROGRAM_REJECTED)
    return Edit(
        chunk_index,
        position,
        operation,
        arguments_json(arguments),
        status,
        step.characters_removed,
        step.characters_added,
    )


def _call(step: Step) -> tuple[str, dict[str, int | str | bool]]:
    match step.kind:
        case "remove_lines":
            return "remove_lines", {"line_start": step.start, "line_end": step.end}
        case "remove_all":
            return "remove_lines", {"all": True}
        case "normalize":
            return "normalize", {"source_str": step.source, "target_str": step.target}
        case _:
            return UNPARSED_OPERATION, {"reason": step.kind, "text": step.line[:_EXCERPT_CHARACTERS]}


def _status(step: Step, line_count: int) -> EditStatus:
    match step.kind:
        case "malformed":
            return EditStatus.UNPARSED
        case "ignored":
            return EditStatus.IGNORED
        case "normalize":
            return EditStatus.APPLIED if step.matches else EditStatus.NO_MATCH
        case "remove_lines" if step.start > step.end:
            return EditStatus.REVERSED
        case "remove_lines" if step.start >= line_count or step.end < 0:
            return EditStatus.OUT_OF_RANGE
        case _:
            return EditStatus.APPLIED if step.characters_removed else EditStatus.ALREADY_REMOVED
