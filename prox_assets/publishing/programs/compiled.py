"""The shortest programs that do to a document what its stored programs did.

A refiner's answer holds more than what took effect: strings that occur nowhere, calls that were refused, probabilities
of lines. None of it is needed to repeat the result, and the strings may be text of the page. So only calls that changed
the text are published; where these alone do not give the same text, the whole programs are.

What programs of other dialects than those of ProX did is published in the canonical one, so that whoever applies it
needs to know neither windows that overlap nor blank lines that have no number.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from prox_assets.lake.schemas import Outcome
from prox_assets.personal_data import find
from prox_assets.programs import (
    DIALECTS,
    REPLACE_PERSONAL_DATA,
    ChunkProgram,
    Edit,
    EditStatus,
    ExecutionPolicy,
    Normalize,
    Operation,
    RemoveAllLines,
    RemoveLines,
    SegmentKind,
    execute,
    execute_with_provenance,
    render,
    stored_programs,
)
from prox_assets.programs.expressing.changes import changes_of
from prox_assets.programs.expressing.express import express, nothing_else_decides
from prox_assets.publishing.programs.counting import strings_of
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.stages.execution.document_refinement import DocumentFate

Row = dict[str, Any]

_PROX = ("prox", "line-labels")
"""Dialects whose calls are published as they are."""
_CANONICAL = DIALECTS["canonical"]

BY_PROGRAMS = "by_programs"
"""Kind of a replacement that programs made."""


def compiled(document: Row, chunks: Sequence[Row], fate: DocumentFate, policy: ExecutionPolicy) -> Row:
    """Return the columns `chunks` and `replacements` of a document that is kept.

    Where personal data is replaced and the programs name some, the whole change is published as replacements of spans.

    Args:
        document: Its row of `documents`.
        chunks: Its rows of `chunk_programs`.
        fate: What they did under the policy.
        policy: How they were executed.

    Raises:
        ProgramsError: No program as text gives the same result.
    """
    text, refined = document["text"], fate.text
    if text == refined or fate.refinement is None:
        return {"chunks": [], "replacements": []}
    for programs, replacements in _ways(text, chunks, fate, policy):
        if run(text, programs, replacements, policy) == refined:
            return {"chunks": programs, "replacements": replacements}
    raise ProgramsError(
        f"the programs of document {document['doc_id']} do not give its refined text when they are executed from what "
        "would be published: please report it"
    )


def _ways(
    text: str, chunks: Sequence[Row], fate: DocumentFate, policy: ExecutionPolicy
) -> Iterator[tuple[list[Row], list[Row]]]:
    """Yield the programs and replacements that may give a document's refined text, the shortest first."""
    stored = stored_programs(text, chunks, policy)
    replacements = [asdict(one) for one in fate.personal_data]
    is_prox = policy.dialect in _PROX
    if is_prox and fate.refinement is not None:
        ways = [_that_took_effect(chunks, fate.refinement.edits), _as_text(stored, policy)]
    elif policy.mode == "strict":
        ways = [_canonically(text, stored, fate, policy)]
    else:
        raise ProgramsError(
            f"programs of the dialect {policy.dialect} that were executed in reference mode cannot be published alone: "
            "execute them strictly, or publish the text"
        )
    for programs in ways:
        if not _names_personal_data(programs, policy):
            yield programs, replacements
        else:
            yield [], _spans(text, stored, fate, policy)
    if not is_prox:
        yield [], _spans(text, stored, fate, policy)


def run(text: str, chunks: Sequence[Row], replacements: Sequence[Row], policy: ExecutionPolicy) -> str | None:
    """Return the text that published programs and replacements leave; None if they would drop the document.

    Raises:
        ValueError: The chunks are not runs of the text's lines, or the replacements are not in order and inside it.
    """
    if chunks:
        programs = [ChunkProgram(_lines(row), row["program"]) for row in chunks]  # pyright: ignore[reportArgumentType]
        refinement = execute(text, programs, policy if policy.dialect in _PROX else nothing_else_decides(_CANONICAL))
        if refinement.outcome is Outcome.DROPPED_BY_CHUNKS:
            return None
        text = refinement.text
    pieces: list[str] = []
    done = 0
    for each in replacements:
        if not done <= each["start"] <= each["end"] <= len(text):
            raise ValueError(f"it has {len(text)} characters, of which {each['start']} to {each['end']} are replaced")
        pieces += (text[done : each["start"]], each["replacement"])
        done = each["end"]
    return "".join([*pieces, text[done:]])


def _names_personal_data(programs: Sequence[Row], policy: ExecutionPolicy) -> bool:
    strings = (string for row in programs for string in strings_of(row["program"] or "") if policy.personal_data)
    return any(find(string, policy.personal_data) for string in strings)


def _canonically(text: str, stored: Sequence[ChunkProgram], fate: DocumentFate, policy: ExecutionPolicy) -> list[Row]:
    """Return one canonical program for what programs did to the whole document."""
    left = fate.text if fate.left_by_programs is None else fate.left_by_programs
    _, provenance = execute_with_provenance(text, stored, policy)
    said = express(text, left, changes_of(text, left or "", provenance), _CANONICAL)
    return [_row((0, text.count("\n")), said.program)] if left != text else []


def _spans(text: str, stored: Sequence[ChunkProgram], fate: DocumentFate, policy: ExecutionPolicy) -> list[Row]:
    """Return all that was changed in a raw text as replacements of its spans."""
    _, provenance = execute_with_provenance(text, stored, policy)
    provenance = provenance.with_replacements((one.start, one.end, len(one.replacement)) for one in fate.personal_data)
    spans: list[Row] = []
    done = 0

    def add(start: int, end: int, replacement: str) -> None:
        if spans and spans[-1]["end"] >= start:
            spans[-1]["end"] = end
            spans[-1]["replacement"] += replacement
        else:
            spans.append({"start": start, "end": end, "kind": BY_PROGRAMS, "replacement": replacement})

    for segment in provenance.segments:
        if segment.raw_start > done:
            add(done, segment.raw_start, "")
        if segment.kind is SegmentKind.REPLACED:
            piece = (fate.text or "")[segment.refined_start : segment.refined_end]
            add(segment.raw_start, segment.raw_end, piece)
        done = segment.raw_end
    if done < len(text):
        add(done, len(text), "")
    return spans


def _lines(row: Row) -> tuple[int, int]:
    return row["line_start"], row["line_end"]


def _that_took_effect(chunks: Sequence[Row], edits: Sequence[Edit]) -> list[Row]:
    places = {row["chunk_index"]: row for row in chunks}
    applied = [edit for edit in edits if edit.status is EditStatus.APPLIED and edit.operation != REPLACE_PERSONAL_DATA]
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
