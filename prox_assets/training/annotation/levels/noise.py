"""Reads and checks the annotator's programs, one per kind of noise, and merges them into one.

A program is checked by executing it. An operation without effect (a string that does not occur, lines that do not
exist) was not read off the chunk, and a model should not learn from it. chunks.py turns the merged program into a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prox_assets.programs import (
    EditStatus,
    ExecutionPolicy,
    KeepChunk,
    Normalize,
    Operation,
    Refinement,
    RemoveLines,
    execute,
    operations_from_probabilities,
    parse,
    render,
)
from prox_assets.training.annotation.answers import excerpt
from prox_assets.training.annotation.errors import UnusableAnswerError
from prox_assets.training.data.targets.lines import visible_characters

# The removed share is bounded after merging, so the executor's floors are off here, and nothing is reverted.
_POLICY = ExecutionPolicy(
    mode="strict", line_numbers="chunk", min_kept_share=0.0, min_kept_characters=0, on_empty="drop"
)


@dataclass(frozen=True, slots=True)
class NoisePrompt:
    """A kind of noise: its name in messages, the prompt that asks about it, and the operations allowed against it."""

    name: str
    prompt: str
    operations: tuple[type[Operation], ...]


NAVIGATION = NoisePrompt("navigation", "chunk_navigation", (KeepChunk, RemoveLines))
URLS = NoisePrompt("URLs", "chunk_urls", (KeepChunk, RemoveLines, Normalize))
FOOTERS = NoisePrompt("footers", "chunk_footers", (KeepChunk, RemoveLines, Normalize))
NOISE_PROMPTS = (NAVIGATION, URLS, FOOTERS)


@dataclass(frozen=True, slots=True)
class MergedProgram:
    """One program for a chunk, against all kinds of noise.

    Attributes:
        program: The program as ProX text; line numbers start at 0 in the chunk.
        removed_lines: Numbers of the lines that it removes.
        removed_share: Share of the chunk's non-whitespace characters that it removes, removed strings included.
    """

    program: str
    removed_lines: frozenset[int]
    removed_share: float


def read_program(answer: str, lines: Sequence[str], kind: NoisePrompt) -> tuple[Operation, ...]:
    """Return the operations in an answer; none for keep_chunk().

    The answer is a program that numbers the chunk's lines from 0, alone or fenced in prose.

    Raises:
        UnusableAnswerError: The program does not parse, calls a function that the kind does not allow, contradicts
            itself, has no effect when executed, or inserts new text.
    """
    parsed = parse(answer)
    if parsed.errors:
        raise UnusableAnswerError(f"{parsed.errors[0].reason.value}: {excerpt(parsed.errors[0].text)}")
    operations = tuple(dict.fromkeys(parsed.operations))
    if not operations:
        raise UnusableAnswerError("no call")
    for operation in operations:
        if not isinstance(operation, kind.operations):
            raise UnusableAnswerError(f"{excerpt(render([operation]))} is not allowed against {kind.name}")
        if isinstance(operation, Normalize) and not _only_takes_away(operation):
            raise UnusableAnswerError(f"{excerpt(render([operation]))} inserts new text")
    if KeepChunk() in operations:
        if len(operations) > 1:
            raise UnusableAnswerError("keep_chunk() beside other calls")
        return ()
    for operation, edit in zip(operations, _run(lines, operations).edits, strict=True):
        if edit.status.is_failure:
            raise UnusableAnswerError(f"{excerpt(render([operation]))} does not apply: {edit.status.value}")
    return operations


def merge(programs: Iterable[tuple[Operation, ...]], lines: Sequence[str]) -> MergedProgram:
    """Merge the results of `read_program` for all kinds of noise into one program for the chunk.

    A line is removed if any program removes it. A normalize call stays if it still changes a remaining line, and equal
    calls are written once.

    Raises:
        UnusableAnswerError: An operation of the merged program fails when the program is executed as written.
    """
    operations = [operation for program in programs for operation in program]
    removed = {
        line
        for operation in operations
        if isinstance(operation, RemoveLines)
        for line in range(operation.start, operation.end + 1)
    }
    replacing = [operation for operation in dict.fromkeys(operations) if isinstance(operation, Normalize)]
    removals = operations_from_probabilities([line not in removed for line in range(len(lines))], 0.5, 0)
    candidates: list[Operation] = [*removals, *(_as_matched(operation, lines) for operation in replacing)]
    edits = _run(lines, candidates).edits
    applied = [
        operation for operation, edit in zip(candidates, edits, strict=True) if edit.status is EditStatus.APPLIED
    ]
    program = render(applied or [KeepChunk()])
    result = _run(lines, program)
    wrong = [edit for edit in result.edits if edit.status not in {EditStatus.APPLIED, EditStatus.NO_CHANGE}]
    if wrong:
        raise UnusableAnswerError(f"the merged program does not run: {wrong[0].operation} is {wrong[0].status.value}")
    before = sum(map(visible_characters, lines))
    share = 1 - visible_characters(result.text) / before if before else 0.0
    return MergedProgram(program, frozenset(removed), share)


def _run(lines: Sequence[str], program: str | Sequence[Operation]) -> Refinement:
    written = program if isinstance(program, str) else tuple(program)
    return execute("\n".join(lines), [((0, len(lines) - 1), written)], _POLICY)


def _only_takes_away(operation: Normalize) -> bool:
    """Return whether the target of a normalize call occurs in its source, ignoring white space."""
    return "".join(operation.target.split()) in "".join(operation.source.split())


def _as_matched(operation: Normalize, lines: Sequence[str]) -> Normalize:
    r"""Return the normalize call in the spelling that the chunk contains: models copy backslashes unescaped."""
    if operation.verbatim is None or any(operation.source in line for line in lines):
        return operation
    return Normalize(*operation.verbatim)
