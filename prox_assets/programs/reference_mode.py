"""Reference mode of `execute`: the released executor's result, told as a Refinement.

Belongs here: joining chunk programs as the released pipeline does, and turning its trace into edits.
"""

from collections.abc import Iterator, Sequence

from prox_assets.programs.operations import Operation, render
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.reference import ReferenceExecutionError, Step, Trace, judge, trace
from prox_assets.programs.refinement import (
    UNPARSED_OPERATION,
    Edit,
    EditStatus,
    Reason,
    Refinement,
    arguments_json,
    dropped,
    kept,
)

_EXCERPT_CHARACTERS = 200


def execute_as_released(
    text: str, programs: Sequence[tuple[int, str | tuple[Operation, ...] | None]], policy: ExecutionPolicy
) -> Refinement:
    """Refine a document as the released pipeline does: all its chunk programs are one program on the whole text.

    Where the released executor has no result the document stays as it was, with reason "reference_crashed".

    Args:
        text: The document.
        programs: (chunk index, program) pairs in order; operations are rendered, None is an empty answer.
        policy: The reference thresholds are used.
    """
    answers = [(index, _program_text(program)) for index, program in programs]
    joined = "\n".join(answer for _, answer in answers)
    try:
        done = trace(text, joined)
        verdict = judge(
            text, done, policy.reference_threshold_1, policy.reference_threshold_2, policy.reference_error_op
        )
    except ReferenceExecutionError:
        return kept(text, text, (), Reason.REFERENCE_CRASHED)
    rejected = verdict.decision == "reverted"
    edits = tuple(_edits(answers, done, text.count("\n") + 1, rejected))
    reason = Reason(verdict.reason) if verdict.reason else None
    if verdict.decision == "dropped" and reason:
        return dropped(text, edits, reason)
    return kept(text, verdict.text, edits, reason)


def _program_text(program: str | tuple[Operation, ...] | None) -> str:
    if program is None:
        return ""
    # The released pipeline strips each answer before it joins them.
    return program.strip(" ") if isinstance(program, str) else render(program)


def _edits(answers: Sequence[tuple[int, str]], done: Trace, line_count: int, rejected: bool) -> Iterator[Edit]:
    steps = iter(done.steps)
    for chunk_index, answer in answers:
        position = 0
        for _ in range(answer.count("\n") + 1):
            step = next(steps)
            if step.line.strip():
                yield _edit(chunk_index, position, step, line_count, rejected)
                position += 1


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
