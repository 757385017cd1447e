"""Personal data in the text that a document's programs leave, replaced as edits like any other.

An edit holds what kind was replaced, in which line of the raw text, and by what; never the original, which whoever has
the raw text finds in that line.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from prox_assets.lake.schemas import Outcome
from prox_assets.personal_data import Found, replaced
from prox_assets.programs import REPLACE_PERSONAL_DATA, Edit, EditStatus, Refinement
from prox_assets.programs.refinement import arguments_json

Row = dict[str, Any]


def with_replacements(refinement: Refinement, found: Sequence[Found], chunks: Sequence[Row]) -> Refinement:
    """Return what the programs did and what was replaced after them.

    Args:
        refinement: What the programs did to a document that is kept.
        found: Personal data in its text; at least one.
        chunks: The document's rows of `chunk_programs`, in order.
    """
    text = replaced(refinement.text, found)
    edits = [*refinement.edits, *_edits(refinement, found, chunks)]
    return replace(
        refinement,
        text=text,
        outcome=Outcome.KEPT_EDITED,
        edits=tuple(sorted(edits, key=lambda edit: (edit.chunk_index, edit.position))),
        characters_after=len(text),
        operations_applied=refinement.operations_applied + len(found),
    )


def _edits(refinement: Refinement, found: Sequence[Found], chunks: Sequence[Row]) -> list[Edit]:
    lines = _raw_lines(refinement, chunks)
    positions = {row["chunk_index"]: count() for row in chunks}
    for edit in refinement.edits:
        next(positions[edit.chunk_index])
    edits: list[Edit] = []
    line = done = 0
    for one in found:
        line += refinement.text.count("\n", done, one.start)
        done = one.start
        raw_line = lines[line]
        chunk = _chunk_of(raw_line, chunks)
        edits.append(
            Edit(
                chunk,
                next(positions[chunk]),
                REPLACE_PERSONAL_DATA,
                arguments_json({"kind": one.kind, "line": raw_line, "replacement": one.replacement}),
                EditStatus.APPLIED,
                one.end - one.start,
                len(one.replacement),
            )
        )
    return edits


def _raw_lines(refinement: Refinement, chunks: Sequence[Row]) -> list[int]:
    """Return a line of the raw text for each line of the refined text.

    That is the line that it was, for an inserted line the one that it follows, and for a rewrite the chunk's first.
    """
    gone = {
        line for chunk in refinement.chunks for first, last in chunk.removed_lines for line in range(first, last + 1)
    }
    instead: dict[int, int] = {}  # lines that stand in the place of a line
    after: Counter[int] = Counter()  # lines that follow a line; -1 is before the first
    places = {row["chunk_index"]: row for row in chunks}
    for edit in refinement.edits:
        if edit.status is not EditStatus.APPLIED:
            continue
        if edit.operation == "insert_line":
            after[json.loads(edit.arguments)["after"]] += 1
        elif edit.operation == "rewrite":
            chunk = places[edit.chunk_index]
            gone.update(range(chunk["line_start"], chunk["line_end"] + 1))
            instead[chunk["line_start"]] = json.loads(edit.arguments)["text"].count("\n") + 1
    lines = [0] * after[-1]
    for line in range(refinement.lines_before):
        lines += [line] * (instead.get(line, line not in gone) + after[line])
    return lines


def _chunk_of(line: int, chunks: Sequence[Row]) -> int:
    """Return the chunk that holds a line, or the last one before it: a line may be in none."""
    return max((row["chunk_index"] for row in chunks if row["line_start"] <= line), default=chunks[0]["chunk_index"])
