"""Reference mode of `execute`: what the released executor of a policy's dialect makes of a document."""

from prox_assets.programs.execution.reference import prox_records, rescraper, ultrax
from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.records import Programs, outcome
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import Reason, Refinement, Verdict, kept


def execute_as_released(text: str, programs: Programs, policy: ExecutionPolicy) -> Refinement:
    """Refine a document as the released pipeline of the policy's dialect does.

    If the released executor has no result, the document stays as it was, with reason "reference_crashed".

    Args:
        text: The document.
        programs: Its chunks in order with their programs; operations are spelled as the dialect writes them.
        policy: The execution policy, of which `dialect` and the reference settings apply.
    """
    try:
        match policy.dialect:
            case "ultrax":
                return ultrax.refine(text, programs)
            case "rescraper":
                return rescraper.refine(text, programs, policy.reference_edit_share)
            case _:
                return prox_records.refine(text, programs, policy)
    except ReferenceExecutionError:
        crashed = [outcome(chunk, program, Verdict.CRASHED) for chunk, program in programs]
        return kept(text, text, crashed, (), Reason.REFERENCE_CRASHED)
