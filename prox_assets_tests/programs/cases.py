"""Running programs on small documents, and hypothesis strategies for operations."""

from hypothesis import strategies as st

from prox_assets.programs import (
    Chunk,
    ChunkProgram,
    DropDoc,
    ExecutionPolicy,
    KeepChunk,
    KeepDoc,
    Refinement,
    RemoveAllLines,
    execute,
    pack_lines,
)
from prox_assets.testing.programs.cases import line_removals, normalizations

REFERENCE = ExecutionPolicy(mode="reference")
operation_lists = st.lists(
    st.sampled_from([KeepDoc(), DropDoc(), KeepChunk(), RemoveAllLines()]) | line_removals | normalizations, max_size=12
)


def run(text: str, program: str, *, truncated: bool = False, **policy: object) -> Refinement:
    """Execute one program on a document that is one chunk."""
    chunk = Chunk(0, 0, text.count("\n"))
    return execute(text, [ChunkProgram(chunk, program, truncated)], ExecutionPolicy(**policy))  # pyright: ignore[reportArgumentType]


def run_chunks(
    text: str, lines_per_chunk: int, programs: list[str], policy: ExecutionPolicy | None = None
) -> Refinement:
    """Execute programs on a document cut into chunks of a given number of lines."""
    chunks = pack_lines([1] * (text.count("\n") + 1), lines_per_chunk)
    return execute(text, list(zip(chunks, programs, strict=True)), policy)


def statuses(refinement: Refinement) -> list[str]:
    """Return the status of each edit, in order."""
    return [edit.status.value for edit in refinement.edits]
