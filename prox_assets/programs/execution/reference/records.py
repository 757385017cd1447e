"""What the executors of all dialects share: their arguments, and the records that they write."""

from collections.abc import Sequence

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.operations import Operation, call_arguments, call_name
from prox_assets.programs.refinement import (
    DROP_PAGE,
    TIDY_WHITE_SPACE,
    UNPARSED_OPERATION,
    ChunkOutcome,
    Edit,
    EditStatus,
    Verdict,
    arguments_json,
)

Program = str | tuple[Operation, ...] | None
Programs = Sequence[tuple[Chunk, Program]]
"""A document's chunks in order, each with its program: text, operations, or None where no model was asked."""

Answers = Sequence[tuple[Chunk, str | None]]
"""A document's chunks in order, each with the text of its program, or None where no model was asked."""

_EXCERPT_CHARACTERS = 200


def outcome(chunk: Chunk, program: Program, verdict: Verdict) -> ChunkOutcome:
    """Return the outcome of a chunk without removed lines; what has no program is skipped whatever the verdict."""
    return ChunkOutcome(chunk.index, Verdict.SKIPPED if program is None else verdict)


def excerpt(line: str) -> str:
    """Return the beginning of a line of a program."""
    return line[:_EXCERPT_CHARACTERS]


def call_of(line: str, operation: Operation | None, name: str | None = None) -> tuple[str, str]:
    """Return `Edit.operation` and `Edit.arguments` of a line of a program.

    Args:
        line: The line.
        operation: What it means; None if it means nothing, or if a number has too many digits for an operation.
        name: What the executor takes it for, if it executes it.
    """
    if operation is None:
        unread = {"text": excerpt(line)}
        return name or UNPARSED_OPERATION, arguments_json(unread if name else {"reason": "ignored", **unread})
    return call_name(operation), arguments_json(call_arguments(operation))


def tidying(chunk: Chunk, position: int, removed: int) -> Edit:
    """Return the record of what an executor does to white space although no call asks for it.

    Args:
        chunk: The chunk.
        position: The position after those of the chunk's calls.
        removed: Characters by which it shortened the text; below 0 where it made it longer.
    """
    return Edit(chunk.index, position, TIDY_WHITE_SPACE, "{}", EditStatus.APPLIED, max(removed, 0), max(-removed, 0))


def page_dropped(chunk: Chunk, position: int, reason: str, removed: int) -> Edit:
    """Return the record of a page that an executor drops although no call asks for it.

    Args:
        chunk: The chunk that is the page.
        position: The position after those of the chunk's calls.
        reason: Why it is dropped.
        removed: Characters that went with it.
    """
    return Edit(chunk.index, position, DROP_PAGE, arguments_json({"reason": reason}), EditStatus.APPLIED, removed)
