"""Turns a stored row (program text, probabilities or both) into a ChunkProgram for the executor.

The refiners write the fields; the stages store them.
"""

from collections.abc import Mapping
from typing import Any

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.line_labels import labelled_program
from prox_assets.programs.execution.executor import ChunkProgram
from prox_assets.programs.policy import ExecutionPolicy


def stored_program(row: Mapping[str, Any], policy: ExecutionPolicy) -> ChunkProgram:
    """Return what to execute for a stored chunk; its probabilities become line removals here.

    Args:
        row: A row of `chunk_programs`. `chunk_index`, `line_start`, `line_end` and `skip_reason` are the chunk;
            `program` is its text, or the edits inside lines where `line_keep_probabilities` has P(keep) of each line;
            `finish_reason` is "length" where the answer was cut off.
        policy: `line_keep_threshold` and `line_numbers`.
    """
    chunk = Chunk(row["chunk_index"], row["line_start"], row["line_end"], row["skip_reason"])
    if row["line_keep_probabilities"] is None:
        return ChunkProgram(chunk, row["program"], row["finish_reason"] == "length")
    first = policy.first_line_number(chunk)
    operations = labelled_program(row["line_keep_probabilities"], row["program"], policy.line_keep_threshold, first)
    return ChunkProgram(chunk, operations, False)
