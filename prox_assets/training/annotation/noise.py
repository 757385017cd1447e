"""Programs against single kinds of noise: reading and checking them, and merging them into one.

Belongs here: which calls each kind of noise allows, and what makes an annotator's program unusable. Checking means
executing: an operation of an annotator that does nothing (a string that is not there, lines that do not exist) was not
read off the chunk, and teaches nothing good. Not here: the prompts, and what becomes of the merged program (chunks).
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
    parse,
    render,
)
from prox_assets.training.annotation.answers import excerpt
from prox_assets.training.annotation.errors import UnusableAnswerError

# The share that goes is bounded after merging, so no floor of the executor may step in before.
_POLICY = ExecutionPolicy(mode="strict", line_numbers="chunk", min_kept_share=0.0, min_kept_characters=0)


@dataclass(frozen=True, slots=True)
class NoiseKind:
    """A kind of noise.

    Attributes:
        name: What messages call it.
        prompt: Name of the prompt that asks for it.
        operations: The operations that a program against it may hold.
    """

    name: str
    prompt: str
    operations: tuple[type[Operation], ...]


NAVIGATION = NoiseKind("navigation", "chunk_navigation", (KeepChunk, RemoveLines))
URLS = NoiseKind("URLs", "chunk_urls", (KeepChunk, RemoveLines, Normalize))
FOOTERS = NoiseKind("footers", "chunk_footers", (KeepChunk, RemoveLines, Normalize))
NOISE_KINDS = (NAVIGATION, URLS, FOOTERS)


@dataclass(frozen=True, slots=True)
class MergedProgram:
    """What is done to a chunk against all kinds of noise.

    Attributes:
        program: ProX text, line numbers from 0 in the chunk.
        removed_lines: Numbers of the lines that it removes.
        removed_share: Share of the chunk's non-whitespace characters that it takes away, removed strings included.
    """

    program: str
    removed_lines: frozenset[int]
    removed_share: float


def read_program(answer: str, lines: Sequence[str], kind: NoiseKind) -> tuple[Operation, ...]:
    """Return the operations that an answer asks for; none for keep_chunk().

    Args:
        answer: Prose with a fenced program, or the program alone.
        lines: The chunk's lines, which the program's numbers count from 0.
        kind: The noise that was asked for.

    Raises:
        UnusableAnswerError: Something cannot be read, calls another function than the kind allows, contradicts itself,
            does nothing when executed, or puts in text that was not there.
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
            raise UnusableAnswerError(f"{excerpt(render([operation]))} puts in what was not there")
    if KeepChunk() in operations:
        if len(operations) > 1:
            raise UnusableAnswerError("keep_chunk() beside other calls")
        return ()
    for operation, edit in zip(operations, _run(lines, operations).edits, strict=True):
        if edit.status.is_failure:
            raise UnusableAnswerError(f"{excerpt(render([operation]))} does not apply: {edit.status.value}")
    return operations


def merge(programs: Iterable[tuple[Operation, ...]], lines: Sequence[str]) -> MergedProgram:
    """Merge the programs against single kinds of noise into one.

    Lines that any of them removes are removed. A normalize stays where it still changes a line that is left; the same
    one is written once.

    Args:
        programs: What `read_program` returned, one per kind.
        lines: The chunk's lines.

    Raises:
        UnusableAnswerError: The merged program, executed as it is written, does something else than its parts.
    """
    operations = [operation for program in programs for operation in program]
    removed = {
        line
        for operation in operations
        if isinstance(operation, RemoveLines)
        for line in range(operation.start, operation.end + 1)
    }
    replacing = [operation for operation in dict.fromkeys(operations) if isinstance(operation, Normalize)]
    candidates: list[Operation] = [*_ranges(removed), *(_as_matched(operation, lines) for operation in replacing)]
    edits = _run(lines, candidates).edits
    applied = [
        operation for operation, edit in zip(candidates, edits, strict=True) if edit.status is EditStatus.APPLIED
    ]
    program = render(applied or [KeepChunk()])
    result = _run(lines, program)
    wrong = [edit for edit in result.edits if edit.status not in {EditStatus.APPLIED, EditStatus.NO_CHANGE}]
    if wrong:
        raise UnusableAnswerError(f"the merged program does not run: {wrong[0].operation} is {wrong[0].status.value}")
    return MergedProgram(program, frozenset(removed), _removed_share(lines, result.text))


def _run(lines: Sequence[str], program: str | Sequence[Operation]) -> Refinement:
    written = program if isinstance(program, str) else tuple(program)
    return execute("\n".join(lines), [((0, len(lines) - 1), written)], _POLICY)


def _only_takes_away(operation: Normalize) -> bool:
    """Tell whether what a normalize puts in stands in what it replaces, white space aside."""
    return "".join(operation.target.split()) in "".join(operation.source.split())


def _ranges(removed: Iterable[int]) -> list[RemoveLines]:
    ranges: list[RemoveLines] = []
    for line in sorted(removed):
        if ranges and ranges[-1].end == line - 1:
            ranges[-1] = RemoveLines(ranges[-1].start, line)
        else:
            ranges.append(RemoveLines(line, line))
    return ranges


def _as_matched(operation: Normalize, lines: Sequence[str]) -> Normalize:
    r"""Return a normalize that means what the chunk holds: models copy backslashes without escaping them."""
    if operation.verbatim is None or any(operation.source in line for line in lines):
        return operation
    return Normalize(*operation.verbatim)


def _removed_share(lines: Sequence[str], after: str) -> float:
    before = sum(len(word) for line in lines for word in line.split())
    return 1 - sum(map(len, after.split())) / before if before else 0.0
