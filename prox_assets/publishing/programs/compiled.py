"""The shortest programs that do to a document what its stored programs did.

A refiner's answer holds more than what took effect: strings that occur nowhere, calls that were refused, probabilities
of lines. None of it is needed to repeat the result, and the strings may be text of the page. So only calls that changed
the text are published; where these alone do not give the same text, the whole programs are.

Programs of other dialects than ProX are published as canonical calls, with the line numbers of the document, so whoever
applies them need not know how each refiner counts; or, where that does not do, as replacements of spans.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
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
    Operation,
    SegmentKind,
    execute,
    execute_with_provenance,
    operation_of,
    render,
    stored_programs,
)
from prox_assets.publishing.programs.counting import strings_in
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.stages.execution.document_refinement import DocumentFate

Row = dict[str, Any]

BY_PROGRAMS = "by_programs"
"""Kind of a replacement that programs made."""


def published_policy(policy: ExecutionPolicy) -> ExecutionPolicy:
    """Return how published programs are executed.

    Reference mode reads what models wrote, so programs of that mode stay as they were written.
    """
    if policy.mode == "reference" or DIALECTS[policy.dialect].is_native:
        return policy
    return replace(policy, dialect="canonical", line_numbers="document")


def compiled(document: Row, chunks: Sequence[Row], fate: DocumentFate, policy: ExecutionPolicy) -> Row:
    """Return the columns `chunks` and `replacements` of a document that is kept.

    Where personal data is replaced and the programs name some, the whole change is published as replacements of spans.
    `run` gives the refined text under `published_policy(policy)`.

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
    stored = stored_programs(text, chunks, policy)
    published = published_policy(policy)
    replacements = [asdict(one) for one in fate.personal_data]
    whole = _as_text(stored, policy) if published == policy else None
    # Reference mode reads answers of a dialect's models, and tidies what no call names.
    as_written = policy.mode == "reference" and not DIALECTS[policy.dialect].is_native
    for programs in (whole,) if as_written else (_that_took_effect(chunks, fate.refinement.edits), whole):
        if programs is None or _names_personal_data(programs, published):
            programs, replacements = [], _spans(text, stored, fate, policy)
        if run(text, programs, replacements, published) == refined:
            return {"chunks": programs, "replacements": replacements}
    raise ProgramsError(
        f"the programs of document {document['doc_id']} do not give its refined text when they are executed from what "
        "would be published: please report it"
    )


def run(text: str, chunks: Sequence[Row], replacements: Sequence[Row], policy: ExecutionPolicy) -> str | None:
    """Return the text that published programs and replacements leave; None if they would drop the document.

    Raises:
        ValueError: The chunks are not runs of the text's lines, or the replacements are not in order and inside it.
    """
    if chunks:
        programs = [ChunkProgram(_lines(row), row["program"]) for row in chunks]  # pyright: ignore[reportArgumentType]
        refinement = execute(text, programs, policy)
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
    if not policy.personal_data:
        return False
    strings = (string for row in programs for string in strings_in(row["program"] or "", policy.dialect))
    return any(find(string, policy.personal_data) for string in strings)


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
        if segment.kind is not SegmentKind.COPIED:
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
        yield operation_of(edit.operation, json.loads(edit.arguments))


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
