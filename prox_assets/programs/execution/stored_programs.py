"""Turns a document's stored rows (program text, probabilities or both) into ChunkPrograms for the executor.

The refiners write the fields; the stages store them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.line_labels import labelled_program
from prox_assets.programs.execution.executor import ChunkProgram
from prox_assets.programs.execution.line_decision import expected_f1_cutoff
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.words import count_words

Row = Mapping[str, Any]


def stored_programs(text: str, rows: Sequence[Row], policy: ExecutionPolicy) -> list[ChunkProgram]:
    """Return what to execute for a document; probabilities of lines become line removals here.

    Args:
        text: The document.
        rows: Its rows of `chunk_programs`, all of them, in order. `chunk_index`, `line_start`, `line_end` and
            `skip_reason` are the chunk; `program` is its text, or the edits inside lines where
            `line_keep_probabilities` has P(keep) of each line; `finish_reason` is "length" where the answer was cut
            off.
        policy: `line_numbers`, and what `line_cutoff` reads.
    """
    cutoff = line_cutoff(text, rows, policy)
    return [_stored_program(row, policy, cutoff) for row in rows]


def line_cutoff(text: str, rows: Sequence[Row], policy: ExecutionPolicy) -> float:
    """Return the P(keep) from which scored lines of a document are kept.

    Lines of chunks without probabilities are not up for a decision and play no part in it.

    Args:
        text: The document.
        rows: See `stored_programs`.
        policy: `line_decision`, with `line_keep_threshold`, or with `line_f1_beta` and `line_min_gain`.
    """
    if policy.line_decision == "threshold":
        return policy.line_keep_threshold
    return expected_f1_cutoff(_weighted_lines(text, rows), policy.line_f1_beta, policy.line_min_gain)


def _weighted_lines(text: str, rows: Sequence[Row]) -> Iterator[tuple[float, int]]:
    """Yield P(keep) and words of each scored line."""
    scored = [row for row in rows if row["line_keep_probabilities"] is not None]
    lines = text.split("\n") if scored else []
    for row in scored:
        shown = lines[row["line_start"] : row["line_end"] + 1]
        yield from zip(row["line_keep_probabilities"], map(count_words, shown), strict=False)


def _stored_program(row: Row, policy: ExecutionPolicy, cutoff: float) -> ChunkProgram:
    chunk = Chunk(row["chunk_index"], row["line_start"], row["line_end"], row["skip_reason"])
    if row["line_keep_probabilities"] is None:
        return ChunkProgram(chunk, row["program"], row["finish_reason"] == "length")
    first = policy.first_line_number(chunk)
    return ChunkProgram(chunk, labelled_program(row["line_keep_probabilities"], row["program"], cutoff, first), False)
