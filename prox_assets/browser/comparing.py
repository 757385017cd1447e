"""Two refiners side by side: the documents on which two corpora over the same files differ, and one such document.

A shard has one refinement at a time, so the second refiner has a corpus of its own in the same lake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prox_assets.browser.corpora import browser_of, named_corpus
from prox_assets.browser.filters import position_query, read_position
from prox_assets.browser.reading import place_of
from prox_assets.browser.templating import page
from prox_assets.catalog.document_lists import list_differences
from prox_assets.catalog.lookup import places_of_id
from prox_assets.catalog.text_diff import DiffLine
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.corpora.document import document_id

# Runs of lines on which both agree are folded, except for this many at either end.
CONTEXT_LINES = 3


@dataclass(frozen=True)
class PairedLine:
    """One raw line as two refiners left it; a line that one of them added stands on one side only."""

    first: DiffLine | None
    second: DiffLine | None

    @property
    def differs(self) -> bool:
        """Whether the two sides are not the same."""
        sides = [(line.mark, line.pieces) if line else None for line in (self.first, self.second)]
        return sides[0] != sides[1]


@dataclass(frozen=True)
class PairedGroup:
    """A run of lines; folded where both sides are the same for long."""

    lines: tuple[PairedLine, ...]
    folded: bool


def comparison_page(request: Request) -> Response:
    """Show a page of the documents on which two corpora differ."""
    first, second = named_corpus(request, "first"), named_corpus(request, "second")
    only = request.query_params.get("only") == "one-keeps"
    found = list_differences(
        browser_of(request).lake, first, second, read_position(request.query_params), only_one_keeps=only
    )
    query = {"only": "one-keeps" if only else ""}
    return page(
        request,
        "comparison.html",
        first=first,
        second=second,
        only=only,
        found=found,
        following={**query, **position_query(found.after)} if found.after else None,
    )


def pair_page(request: Request) -> Response:
    """Show one document as two corpora have refined it."""
    first, second = named_corpus(request, "first"), named_corpus(request, "second")
    browser = browser_of(request)
    one = read_trace(browser.lake, place_of(request, first, request.path_params["doc_id"]))
    row = one.place.source_row if one.file_row is None else one.file_row
    twin = document_id(second, one.source_file, row)
    places = places_of_id(browser.lake, twin, [second])
    if not places:
        raise HTTPException(404, f"{second} has no document from row {row} of {one.source_file}")
    two = read_trace(browser.lake, places[0])
    if one.text_hash != two.text_hash:
        raise HTTPException(409, f"The raw text has changed between {first} and {second}: read both again")
    return page(
        request,
        "pair.html",
        sides=(one, two),
        groups=folded(paired(one, two)),
    )


def paired(first: DocumentTrace, second: DocumentTrace) -> list[PairedLine]:
    """Put the lines of two refinements of one raw text side by side, by their numbers in it."""
    one, two = _by_number(first), _by_number(second)
    pairs: list[PairedLine] = []
    for number in sorted({*one, *two}):
        left, right = one.get(number, []), two.get(number, [])
        pairs += [PairedLine(*sides) for sides in zip_longest(left, right)]
    return pairs


def _by_number(trace: DocumentTrace) -> dict[int, list[DiffLine]]:
    """Return the lines by the number of the raw line; an added line goes with the raw line before it."""
    lines: dict[int, list[DiffLine]] = {}
    number = 0
    for group in trace.diff():
        for line in group.lines:
            number = line.number if line.number is not None else number
            lines.setdefault(number, []).append(line)
    return lines


def folded(lines: Sequence[PairedLine]) -> list[PairedGroup]:
    """Group lines; the inside of long runs on which both agree is folded."""
    groups: list[PairedGroup] = []
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and lines[end].differs is lines[start].differs:
            end += 1
        run = tuple(lines[start:end])
        head = CONTEXT_LINES if start else 0
        tail = CONTEXT_LINES if end < len(lines) else 0
        if run[0].differs or len(run) <= head + tail + 1:
            groups.append(PairedGroup(run, folded=False))
        else:
            parts = ((run[:head], False), (run[head : len(run) - tail], True), (run[len(run) - tail :], False))
            groups += [PairedGroup(part, fold) for part, fold in parts if part]
        start = end
    return groups


ROUTES = (
    Route("/comparisons/{first}/{second}", comparison_page),
    Route("/comparisons/{first}/{second}/documents/{doc_id}", pair_page),
)
