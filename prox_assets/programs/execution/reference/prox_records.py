"""What the released ProX executor did to a document, as a Refinement.

It joins chunk programs as the released pipeline does, and turns the trace into outcomes and edits.
"""

from itertools import islice

from prox_assets.programs.execution.line_removal import ranges_of
from prox_assets.programs.execution.reference.prox import Step, judge, trace
from prox_assets.programs.execution.reference.records import Program, Programs, excerpt, outcome
from prox_assets.programs.operations import render
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


def refine(text: str, programs: Programs, policy: ExecutionPolicy) -> Refinement:
    """Refine a document as the released pipeline does, with all chunk programs as one program on the whole text.

    Args:
        text: The document.
        programs: Its chunks in order with their programs.
        policy: `reference_threshold_1`, `reference_threshold_2` and `reference_error_op`.

    Raises:
        ReferenceExecutionError: The released code crashes or never finishes.
    """
    answers = [_program_text(program) for _, program in programs]
    done = trace(text, "\n".join(answers))
    ruling = judge(text, done, policy.reference_threshold_1, policy.reference_threshold_2, policy.reference_error_op)
    rejected = ruling.decision == "reverted"
    line_count = text.count("\n") + 1
    remaining = iter(done.steps)
    chunks: list[ChunkOutcome] = []
    edits: list[Edit] = []
    for (chunk, program), answer in zip(programs, answers, strict=True):
        steps = list(islice(remaining, answer.count("\n") + 1))
        calls = [step for step in steps if step.line.strip()]
        chunk_edits = [_edit(chunk.index, position, step, line_count, rejected) for position, step in enumerate(calls)]
        edits += chunk_edits
        if rejected:  # all chunks together
            chunks.append(outcome(chunk, program, Verdict.REFUSED))
        elif EditStatus.APPLIED not in [edit.status for edit in chunk_edits]:
            chunks.append(outcome(chunk, program, Verdict.NO_CHANGE))
        else:
            removed = sorted(line for step in steps for line in step.removed_lines)
            chunks.append(ChunkOutcome(chunk.index, Verdict.APPLIED, ranges_of(removed)))
    reason = Reason(ruling.reason) if ruling.reason else None
    if ruling.decision == "dropped" and reason:
        return dropped(text, chunks, edits, reason)
    return kept(text, ruling.text, chunks, edits, reason)


def _program_text(program: Program) -> str:
    if program is None:
        return ""
    # The released pipeline strips the answers before it joins them.
    return program.strip(" ") if isinstance(program, str) else render(program)


def _edit(chunk_index: int, position: int, step: Step, line_count: int, rejected: bool) -> Edit:
    operation, arguments = _call(step)
    edit = Edit(chunk_index, position, operation, arguments_json(arguments), _status(step, line_count))
    if rejected:
        return edit if edit.status.is_error else edit._replace(status=EditStatus.PROGRAM_REJECTED)
    return edit._replace(characters_removed=step.characters_removed, characters_added=step.characters_added)


def _call(step: Step) -> tuple[str, dict[str, int | str | bool]]:
    match step.kind:
        case "remove_lines":
            return "remove_lines", {"line_start": step.start, "line_end": step.end}
        case "remove_all":
            return "remove_lines", {"all": True}
        case "normalize":
            return "normalize", {"source_str": step.source, "target_str": step.target}
        case _:
            return UNPARSED_OPERATION, {"reason": step.kind, "text": excerpt(step.line)}


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
