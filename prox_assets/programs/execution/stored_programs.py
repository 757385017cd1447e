"""Turns the fields of a stored row (program text, probabilities or both) into a ChunkProgram for the executor.

The refiners write the fields; the stages store them.
"""

from collections.abc import Sequence

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.line_labels import labelled_program
from prox_assets.programs.execution.executor import ChunkProgram
from prox_assets.programs.policy import ExecutionPolicy


def stored_program(
    chunk: Chunk,
    program: str | None,
    line_keep_probabilities: Sequence[float] | None,
    finish_reason: str,
    policy: ExecutionPolicy,
) -> ChunkProgram:
    """Return what to execute for a stored chunk; its probabilities become line removals here.

    Args:
        chunk: The lines that were shown.
        program: Program text; if there are probabilities too, it holds the edits inside lines.
        line_keep_probabilities: P(keep) of each line of the chunk, for dialects that score; else None.
        finish_reason: How the answer ended; "length" means that it was cut off.
        policy: `line_keep_threshold` and `line_numbers`.
    """
    if line_keep_probabilities is None:
        return ChunkProgram(chunk, program, finish_reason == "length")
    first = policy.first_line_number(chunk)
    operations = labelled_program(line_keep_probabilities, program, policy.line_keep_threshold, first)
    return ChunkProgram(chunk, operations, False)
