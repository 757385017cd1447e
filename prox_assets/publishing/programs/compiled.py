"""The shortest programs that do to a document what its stored programs did.

A refiner's answer holds more than what took effect: strings that occur nowhere, calls that were refused, probabilities
of lines. None of it is needed to repeat the result, and the strings may be text of the page. So only calls that changed
the text are published; where these alone do not give the same text, the whole programs are.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from prox_assets.lake.schemas import Outcome
from prox_assets.programs import (
    ChunkProgram,
    Edit,
    EditStatus,
    ExecutionPolicy,
    Normalize,
    Operation,
    Refinement,
    RemoveAllLines,
    RemoveLines,
    execute,
    parse,
    render,
    stored_programs,
)
from prox_assets.publishing.programs.errors import ProgramsError

Row = dict[str, Any]


def compiled(
    doc_id: str, text: str, chunks: Sequence[Row], refinement: Refinement, policy: ExecutionPolicy
) -> list[Row]:
    """Return the column `chunks` of a document that is kept; [] where nothing changes.

    Args:
        doc_id: The document.
        text: Its raw text.
        chunks: Its rows of `chunk_programs`.
        refinement: What they did under the policy.
        policy: How they were executed.

    Raises:
        ProgramsError: No program as text gives the same result.
    """
    if refinement.outcome is not Outcome.KEPT_EDITED:
        return []
    stored = stored_programs(text, chunks, policy)
    for candidate in (_that_took_effect(chunks, refinement.edits), _as_text(stored, policy)):
        if run(text, candidate, policy) == refinement.text:
            return candidate
    raise ProgramsError(
        f"the programs of document {doc_id} do not give its refined text when they are executed from their text: "
        "please report it"
    )


def run(text: str, chunks: Sequence[Row], policy: ExecutionPolicy) -> str | None:
    """Return the text that published programs leave; None if they would drop the document.

    Raises:
        ValueError: The chunks are not runs of the text's lines.
    """
    programs = [ChunkProgram(_lines(row), row["program"]) for row in chunks]  # pyright: ignore[reportArgumentType]
    refinement = execute(text, programs, policy)
    return None if refinement.outcome is Outcome.DROPPED_BY_CHUNKS else refinement.text


def strings_of(program: str) -> int:
    """Return the characters of the strings that a program names."""
    calls = [call for call in parse(program).operations if isinstance(call, Normalize)]
    return sum(len(call.source) + len(call.target) for call in calls)


def _lines(row: Row) -> tuple[int, int]:
    return row["line_start"], row["line_end"]


def _that_took_effect(chunks: Sequence[Row], edits: Sequence[Edit]) -> list[Row]:
    places = {row["chunk_index"]: row for row in chunks}
    applied = [edit for edit in edits if edit.status is EditStatus.APPLIED]
    return [
        _row(_lines(places[index]), render(_operations(of_chunk)))
        for index, of_chunk in groupby(applied, key=lambda edit: edit.chunk_index)
    ]


def _operations(edits: Iterator[Edit]) -> Iterator[Operation]:
    for edit in edits:
        arguments = json.loads(edit.arguments)
        if edit.operation == "normalize":
            yield Normalize(arguments["source_str"], arguments["target_str"])
        elif arguments.get("all"):
            yield RemoveAllLines()
        else:
            yield RemoveLines(arguments["line_start"], arguments["line_end"])


def _as_text(stored: Sequence[ChunkProgram], policy: ExecutionPolicy) -> list[Row]:
    """Return whole programs; strict mode executes none whose answer was cut off."""
    return [
        _row((item.chunk.line_start, item.chunk.line_end), item.program)
        for item in stored
        if policy.mode == "reference" or not (item.truncated or item.program is None)
    ]


def _row(lines: tuple[int, int], program: str | tuple[Operation, ...] | None) -> Row:
    text = render(program) if isinstance(program, tuple) else program
    return {"line_start": lines[0], "line_end": lines[1], "program": text}
