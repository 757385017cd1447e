"""Refiners side by side: the documents on which two corpora differ, one document under several, a written comparison.

A shard has one refinement at a time, so every other refiner has a corpus of its own in the same lake.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from prox_assets.browser import links
from prox_assets.browser.corpora import WRITTEN_POLICY, browser_of, named_corpus
from prox_assets.browser.filters import position_query, read_position
from prox_assets.browser.reading import place_of
from prox_assets.browser.templating import page
from prox_assets.catalog.document_lists import in_common, list_differences
from prox_assets.catalog.lookup import places_of_id
from prox_assets.catalog.text_diff import DiffLine, Mark, diff_lines
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.comparison.page import render, short_names
from prox_assets.comparison.write import read_comparison
from prox_assets.corpora.document import document_id
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import compared_corpora, comparisons
from prox_assets.programs import EditStatus

# Runs of lines on which all agree are folded, except for this many at either end.
CONTEXT_LINES = 3

DROPPED, UNKNOWN = "dropped", "unknown"
"""What is said of a line whose document was not kept, or is not there, beside the marks of text_diff."""
SIGNS = {Mark.REMOVED: "\u2212", Mark.EDITED: "\u00b1", Mark.ADDED: "+", DROPPED: "\u00d7", UNKNOWN: "?"}
"""The sign of what became of a line, so that nobody has to tell colours apart."""


@dataclass(frozen=True)
class Side:
    """One refiner's column.

    Attributes:
        number: What the column is called, counted from 1.
        corpus: Its corpus.
        name: The part of the corpus's name that tells it from the others.
        trace: The document there; None if it has none.
        gap: Why its lines are not shown; None if they are.
    """

    number: int
    corpus: str
    name: str
    trace: DocumentTrace | None
    gap: str | None


class Rewritten(NamedTuple):
    """A rewrite that was recorded and not executed: the lines of its chunk, counted from 0, and its text."""

    first: int
    last: int
    text: str


@dataclass(frozen=True)
class ComparedLine:
    """One raw line with what each refiner made of it.

    Attributes:
        text: The raw line.
        signs: For each side, what became of the line; None where it was kept as it is.
        changes: What sides made of it where that is neither keeping nor removing it, and lines that they put after it.
        rewrites: Texts that sides would put in the place of the chunk that begins here; they were not executed.
    """

    text: str
    signs: tuple[str | None, ...]
    changes: tuple[tuple[Side, DiffLine], ...]
    rewrites: tuple[tuple[Side, Rewritten], ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the refiners that kept the document did not all do the same to it, or one wanted to rewrite it."""
        return bool(self.changes or self.rewrites) or len({*self.signs} - {DROPPED, UNKNOWN}) > 1


@dataclass(frozen=True)
class ComparedGroup:
    """A run of lines; folded where all refiners agree for long."""

    lines: tuple[ComparedLine, ...]
    folded: bool


def comparison_page(request: Request) -> Response:
    """Show a page of the documents on which two corpora differ."""
    first, second = named_corpus(request, "first"), named_corpus(request, "second")
    only = request.query_params.get("only") == "one-keeps"
    found = list_differences(
        browser_of(request).lake, first, second, read_position(request.query_params), only_one_keeps=only
    )
    query = {"only": "one-keeps" if only else ""}
    is_whole = not found.after and not request.query_params.get("after")
    return page(
        request,
        "comparison.html",
        first=first,
        second=second,
        only=only,
        found=found,
        common=in_common(browser_of(request).lake, first, second) if is_whole and not found.rows else None,
        following={**query, **position_query(found.after)} if found.after else None,
    )


def side_by_side_page(request: Request) -> Response:
    """Show one document as several corpora have refined it; the id is that of the first."""
    lake = browser_of(request).lake
    corpora = request.path_params["corpora"].split(",")
    unknown = [corpus for corpus in corpora if corpus not in lake.corpora()]
    if unknown or len(set(corpora)) < max(2, len(corpora)):
        raise HTTPException(
            404, f"The lake has no corpora {', '.join(unknown)}" if unknown else "Name different corpora"
        )
    first = read_trace(lake, place_of(request, corpora[0], request.path_params["doc_id"]))
    names = short_names(corpora)
    sides = [_side(lake, number, corpus, names[corpus], first) for number, corpus in enumerate(corpora, 1)]
    return page(
        request,
        "side_by_side.html",
        corpora=corpora,
        first=first,
        sides=sides,
        written=[name for name in comparisons(lake) if {*corpora} <= {*(compared_corpora(lake, name) or ())}],
        groups=_groups(compared_lines(first.raw_text, sides), sides),
        signs=SIGNS,
    )


def _side(lake: Lake, number: int, corpus: str, name: str, first: DocumentTrace) -> Side:
    if number == 1:
        return Side(number, corpus, name, first, None)
    row = first.place.source_row if first.file_row is None else first.file_row
    places = places_of_id(lake, document_id(corpus, first.source_file, row), [corpus])
    if not places:
        return Side(number, corpus, name, None, f"has no document from row {row} of {first.source_file}")
    trace = read_trace(lake, places[0])
    changed = trace.text_hash != first.text_hash
    return Side(number, corpus, name, trace, "has another raw text there: read both again" if changed else None)


def compared_lines(raw: str, sides: Sequence[Side]) -> list[ComparedLine]:
    """Put what each refiner made of a raw text side by side, line by line."""
    signs: list[list[str | None]] = [[None] * len(sides) for _ in raw.split("\n")]
    changes: list[list[tuple[Side, DiffLine]]] = [[] for _ in signs]
    rewrites: list[list[tuple[Side, Rewritten]]] = [[] for _ in signs]
    for place, side in enumerate(sides):
        trace = side.trace
        if trace is None or trace.outcome is None or side.gap is not None:
            for of_line in signs:
                of_line[place] = UNKNOWN
            continue
        for rewrite in _recorded(trace):
            rewrites[rewrite.first].append((side, rewrite))
        number = 0
        for line in diff_lines(raw, trace.refined_text, trace.provenance):
            number = number if line.number is None else line.number
            if trace.refined_text is None:
                signs[number][place] = DROPPED
            elif line.mark is not Mark.KEPT:
                # A line that is put after a removed one does not undo that.
                signs[number][place] = signs[number][place] or line.mark
                if line.mark is not Mark.REMOVED:
                    changes[number].append((side, line))
    return [
        ComparedLine(text, tuple(signs[number]), tuple(changes[number]), tuple(rewrites[number]))
        for number, text in enumerate(raw.split("\n"))
    ]


def _recorded(trace: DocumentTrace) -> Iterator[Rewritten]:
    for chunk in trace.chunks:
        for edit in chunk.edits:
            if edit.status == EditStatus.RECORDED:
                yield Rewritten(chunk.line_start, chunk.line_end, json.loads(edit.arguments)["text"])


def _groups(lines: Sequence[ComparedLine], sides: Sequence[Side]) -> list[ComparedGroup]:
    """Fold what all agree on; where fewer than two kept the document, whoever judges that has to read all of it."""
    kept = sum(side.trace is not None and side.trace.refined_text is not None and side.gap is None for side in sides)
    return folded(lines) if kept > 1 else [ComparedGroup(tuple(lines), folded=False)]


def folded(lines: Sequence[ComparedLine]) -> list[ComparedGroup]:
    """Group lines; the inside of long runs on which all agree is folded."""
    groups: list[ComparedGroup] = []
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and lines[end].differs is lines[start].differs:
            end += 1
        run = tuple(lines[start:end])
        head = CONTEXT_LINES if start else 0
        tail = CONTEXT_LINES if end < len(lines) else 0
        if run[0].differs or len(run) <= head + tail + 1:
            groups.append(ComparedGroup(run, folded=False))
        else:
            parts = ((run[:head], False), (run[head : len(run) - tail], True), (run[len(run) - tail :], False))
            groups += [ComparedGroup(part, fold) for part, fold in parts if part]
        start = end
    return groups


def refiners_page(request: Request) -> Response:
    """Show a written comparison of refiners, with links to its documents."""
    name = request.path_params["name"]
    found = read_comparison(browser_of(request).lake, name)
    if found is None:
        return page(
            request,
            "message.html",
            404,
            title=f"There is no comparison {name!r}",
            detail=f"Run: prox compare {name} --corpora A,B",
        )
    shown = render(found, links.side_by_side, links.corpus, links.home())
    return HTMLResponse(shown, headers={"Content-Security-Policy": WRITTEN_POLICY})


ROUTES = (
    Route("/comparisons/{name}", refiners_page),
    Route("/comparisons/{first}/{second}", comparison_page),
    Route("/compare/{corpora}/documents/{doc_id}", side_by_side_page),
)
