"""Executes the programs of one document: the entry point of the package.

It checks the chunks and programs for both modes, assembles strict chunks into a document, and drops or reverts edited
documents of which too little is left. `strict` runs one chunk; `reference` has the released executors.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.dialect import DIALECTS
from prox_assets.programs.dialects.numbering import decided_before
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.execution.reference.mode import execute_as_released
from prox_assets.programs.execution.strict import NO_FORMULAS, Formulas, refine_chunk
from prox_assets.programs.formulas import find_formulas, unbroken_lines
from prox_assets.programs.operations import InsertLine, Operation, call_name
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import (
    ChunkOutcome,
    Edit,
    EditStatus,
    Reason,
    Refinement,
    Verdict,
    dropped,
    kept,
    reverted,
)

_INSERT_LINE = call_name(InsertLine(0, ""))


class ChunkProgram(NamedTuple):
    """A chunk and its program.

    Attributes:
        chunk: The lines that were shown.
        program: Program text, or operations; None if there is nothing to run (the chunk was skipped).
        truncated: Whether the token limit cut off the answer.
    """

    chunk: Chunk
    program: str | tuple[Operation, ...] | None
    truncated: bool = False


def execute(
    text: str,
    chunks_and_programs: Iterable[ChunkProgram | tuple[Any, ...]],
    policy: ExecutionPolicy | None = None,
    records: list[ChunkRecord] | None = None,
) -> Refinement:
    """Refine one document with the programs of its chunks.

    Args:
        text: The document.
        chunks_and_programs: Its chunks in order, each with its program. Plain tuples also work: a Chunk or (line_start,
            line_end), then the program, then optionally whether it was truncated. Lines outside all chunks stay as
            they are.
        policy: The execution policy; by default strict with default values.
        records: A list that receives a record of every chunk whose program ran (strict mode only), for provenance.py.

    Returns:
        The refined text with a record of every chunk and every operation. No text or program makes this raise. The
        time is linear in the length of text and programs.

    Raises:
        ValueError: The chunks are not runs of the document's lines, in order and without overlap.
    """
    policy = policy or ExecutionPolicy()
    programs = _checked(chunks_and_programs, text.count("\n") + 1)
    if policy.mode == "reference":
        return execute_as_released(text, [(item.chunk, item.program) for item in programs], policy)
    return _execute_strictly(text, programs, policy, records)


def _checked(chunks_and_programs: Iterable[ChunkProgram | tuple[Any, ...]], line_count: int) -> list[ChunkProgram]:
    checked: list[ChunkProgram] = []
    free = 0
    for index, item in enumerate(chunks_and_programs):
        values: tuple[Any, ...] = (*item, False)  # the default for `truncated`
        place, program, truncated = values[:3]
        chunk = place if isinstance(place, Chunk) else Chunk(index, place[0], place[1])
        if not free <= chunk.line_start <= chunk.line_end < line_count:
            raise ValueError(
                f"chunk {chunk.index} claims lines {chunk.line_start} to {chunk.line_end}; "
                f"lines {free} to {line_count - 1} of the document were left for it"
            )
        free = chunk.line_end + 1
        checked.append(ChunkProgram(chunk, program, truncated))
    return checked


def _execute_strictly(
    text: str, programs: list[ChunkProgram], policy: ExecutionPolicy, records: list[ChunkRecord] | None
) -> Refinement:
    lines = text.split("\n")
    formulas = NO_FORMULAS
    if policy.protect_formulas:
        spans = find_formulas(lines)
        formulas = Formulas(spans, unbroken_lines(lines, spans))
    output: list[str] = []
    chunks: list[ChunkOutcome] = []
    edits: list[Edit] = []
    done = 0
    worthless = spared = False  # whether some chunk was judged worthless, and whether one was not
    shown_again = decided_before(DIALECTS[policy.dialect], policy.line_numbers, lines, (one.chunk for one in programs))
    for (chunk, program, truncated), earlier in zip(programs, shown_again, strict=True):
        output += lines[done : chunk.line_start]
        done = chunk.line_end + 1
        shown = lines[chunk.line_start : done]
        if program is None:
            output += shown
            chunks.append(ChunkOutcome(chunk.index, Verdict.SKIPPED))
            continue
        record = None
        if records is not None:
            record = ChunkRecord(chunk.line_start, len(shown), range(len(shown)))
            records.append(record)
        left, chunk_outcome, chunk_edits = refine_chunk(
            shown, chunk, program, truncated, policy, record, formulas, earlier
        )
        output += left
        if not left and not spared and _judges_worthless(chunk_edits):
            worthless = True
        else:
            spared = True
        chunks.append(chunk_outcome)
        edits += chunk_edits
    output += lines[done:]
    if worthless and not spared and not any(map(str.strip, output)):  # only lines that nobody judged are left
        return dropped(text, chunks, edits, Reason.JUDGED_WORTHLESS)
    refined = "\n".join(output)
    # An empty result is either one blank line that stayed or no line at all. `output` tells them apart: with every line
    # removed, nothing was kept.
    reason = _too_little_left(text, refined, _inserted(edits), policy) if refined != text or not output else None
    if reason is None:
        return kept(text, refined, chunks, edits)
    if policy.on_empty == "drop":
        return dropped(text, chunks, edits, reason)
    if records is not None:
        records.clear()  # a line without a record stayed as it was
    return reverted(text, chunks, edits, reason)


def _judges_worthless(edits: list[Edit]) -> bool:
    """Tell whether a chunk of which nothing is left was removed because the program says that it is worthless."""
    done = (EditStatus.APPLIED, EditStatus.ALREADY_REMOVED)
    return any(edit.operation == "remove_all" and edit.status in done for edit in edits)


def _inserted(edits: list[Edit]) -> int:
    """Count the visible characters of inserted lines; a rewrite is what the policy wants in the page's place."""
    return sum(
        _visible_characters(json.loads(edit.arguments)["text"])
        for edit in edits
        if edit.operation == _INSERT_LINE and edit.status is EditStatus.APPLIED
    )


def _too_little_left(before: str, after: str, inserted: int, policy: ExecutionPolicy) -> Reason | None:
    """Return why too little is left of an edited document to keep it; unchanged documents skip this check.

    Args:
        before: The text of the document.
        after: What the programs made of it.
        inserted: Visible characters of `after` that programs inserted as lines.
        policy: The execution policy.
    """
    # A fast path: a minimum computed from all characters is at least the one computed from visible characters, and the
    # head of a text that keeps most of its characters already has that many. Counting the whole text would take longer
    # than executing most programs.
    enough = max(1, policy.min_kept_characters, policy.min_kept_share * len(before))
    if _visible_characters(after[: 2 * math.ceil(enough + inserted)]) >= enough + inserted:
        return None
    left = _visible_characters(after) - inserted
    if left == 0 and (policy.min_kept_characters or not inserted):  # 0: a page of inserted lines alone will do
        return Reason.NOTHING_LEFT
    if left < policy.min_kept_share * _visible_characters(before):
        return Reason.KEPT_SHARE_TOO_SMALL
    return Reason.TOO_FEW_CHARACTERS if left < policy.min_kept_characters else None


def _visible_characters(text: str) -> int:
    """Count non-whitespace characters; counting words would make every Chinese page look short."""
    return sum(map(len, text.split()))
