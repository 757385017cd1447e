"""Reference mode of `execute`: what the released executor of a policy's dialect makes of a document."""

from collections.abc import Sequence

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.dialect import DIALECTS
from prox_assets.programs.dialects.numbering import number_by_document
from prox_assets.programs.dialects.parsed import ParseError
from prox_assets.programs.dialects.rendering import CannotSayError, ShownLines
from prox_assets.programs.execution.reference import prox_records, rescraper, ultrax
from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.records import Program, Programs, outcome
from prox_assets.programs.operations import KeepChunk
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import Reason, Refinement, Verdict, kept


def execute_as_released(text: str, programs: Programs, policy: ExecutionPolicy) -> Refinement:
    """Refine a document as the released pipeline of the policy's dialect does.

    If the released executor has no result, the document stays as it was, with reason "reference_crashed".

    Args:
        text: The document.
        programs: Its chunks in order with their programs. Operations are written as the dialect's models write them;
            where the dialect has no word for one of them, the chunk's program is one that keeps it.
        policy: The execution policy, of which `dialect` and the reference settings apply.
    """
    try:
        match policy.dialect:
            case "ultrax":
                return ultrax.refine(text, _answers(text, programs, policy))
            case "rescraper":
                return rescraper.refine(text, _answers(text, programs, policy), policy.reference_edit_share)
            case _:
                return prox_records.refine(text, programs, policy)
    except ReferenceExecutionError:
        crashed = [outcome(chunk, program, Verdict.CRASHED) for chunk, program in programs]
        return kept(text, text, crashed, (), Reason.REFERENCE_CRASHED)


def _answers(text: str, programs: Programs, policy: ExecutionPolicy) -> list[tuple[Chunk, str | None]]:
    lines = text.split("\n") if any(isinstance(program, tuple) for _, program in programs) else []
    return [(chunk, _answer(lines, chunk, program, policy)) for chunk, program in programs]


def _answer(lines: Sequence[str], chunk: Chunk, program: Program, policy: ExecutionPolicy) -> str | None:
    if not isinstance(program, tuple):
        return program
    dialect = DIALECTS[policy.dialect]
    every = range(chunk.line_start, chunk.line_end + 1)
    numbered = number_by_document(program, ShownLines(every, every, policy.first_line_number(chunk)), range(0))
    # The released code numbers the lines of a document (UltraX) or of a page (ReScraper) from 1.
    first = 1 + chunk.line_start if dialect.line_numbers == "document" else 1
    shown = dialect.shown_lines(lines[chunk.line_start : chunk.line_end + 1], chunk.line_start, first)
    try:
        return dialect.render([call for call in numbered if not isinstance(call, ParseError)], shown)
    except CannotSayError:
        return dialect.render([KeepChunk()], shown)
