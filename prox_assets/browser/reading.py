"""The pages of single documents: one by its id, or twenty drawn at random, to be read one after another."""

import secrets
from dataclasses import dataclass
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from prox_assets.browser import links
from prox_assets.browser.corpora import browser_of, named_corpus, only_shards
from prox_assets.browser.filters import read_filters
from prox_assets.browser.judging import choices, judge_of
from prox_assets.browser.templating import page
from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.document_lists import draw_documents
from prox_assets.catalog.lookup import places_of_id
from prox_assets.catalog.queries.judgements import judgements_on
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.schemas import Table

SAMPLE_DOCUMENTS = 20
VIEWS = ("changes", "side by side", "refined", "raw")


@dataclass(frozen=True)
class Sample:
    """Where a reader is in a sample; `previous` and `following` are addresses."""

    number: int
    size: int
    previous: str | None
    following: str | None
    again: str


def document_page(request: Request) -> Response:
    """Show one document."""
    corpus = named_corpus(request)
    place = place_of(request, corpus, request.path_params["doc_id"])
    return _page(request, place, None)


def new_sample(request: Request) -> Response:
    """Draw a sample and lead to its first document."""
    corpus = named_corpus(request)
    query = read_filters(request.query_params).without_text().query()
    return RedirectResponse(links.sample(corpus, secrets.token_hex(4), 1, query), 303)


def sample_page(request: Request) -> Response:
    """Show one document of a sample; its address says which, so it can be sent to somebody else."""
    browser, corpus = browser_of(request), named_corpus(request)
    filters = read_filters(request.query_params).without_text()
    seed, number = request.path_params["seed"], request.path_params["number"]
    drawn = draw_documents(
        browser.lake, corpus, filters.wanted, seed, SAMPLE_DOCUMENTS, only_shards(browser, corpus, filters)
    )
    if not 1 <= number <= len(drawn):
        title = "This sample has no such document" if drawn else "No document passes these filters"
        return page(request, "message.html", 404, title=title, detail="")
    query = {**filters.query(), "view": request.query_params.get("view")}
    address = partial(links.sample, corpus, seed, query=query)
    again = links.new_sample(corpus, filters.query())
    previous = address(number - 1) if number > 1 else None
    following = address(number + 1) if number < len(drawn) else None
    return _page(request, drawn[number - 1], Sample(number, len(drawn), previous, following, again))


def place_of(request: Request, corpus: str, doc_id: str) -> DocumentPlace:
    """Return where a document is; answer 404 if the corpus has none of that id."""
    shard = request.query_params.get("shard")
    places = places_of_id(browser_of(request).lake, doc_id, [corpus])
    places = [place for place in places if not shard or place.shard == shard]
    if not places:
        raise HTTPException(404, f"The corpus {corpus} has no document {doc_id!r}")
    return places[0]


def _page(request: Request, place: DocumentPlace, sample: Sample | None) -> Response:
    browser = browser_of(request)
    trace = read_trace(browser.lake, place)
    # Of a document that was not kept there is only the raw text, and who judges it has to read that.
    views = VIEWS if trace.refined_text is not None else VIEWS[-1:]
    asked = request.query_params.get("view")
    view = asked if asked in views else views[0]
    told = ask_corpus(
        browser.lake,
        place.corpus,
        lambda con: judgements_on(con, place.corpus, [place.doc_id]).to_dicts(),
        [Table.JUDGEMENTS],
    )
    judge = judge_of(request)
    return page(
        request,
        "document.html",
        corpus=place.corpus,
        trace=trace,
        view=view,
        views=[
            (name, str(request.url.include_query_params(view=name)).partition(request.url.netloc)[2]) for name in views
        ],
        groups=trace.diff(),
        sample=sample,
        choices=choices(trace),
        judge=judge,
        told=told,
        own=next((row for row in told if row["judge"] == judge), None),
        back=_path(request),
        compared=[name for name in browser.lake.corpora() if name != place.corpus],
        run_link=partial(links.dagster_run, dagster=browser.dagster_url(place.corpus)),
    )


def _path(request: Request) -> str:
    return links.with_query(request.url.path, dict(request.query_params))


ROUTES = (
    Route("/corpora/{corpus}/documents/{doc_id}", document_page),
    Route("/corpora/{corpus}/sample", new_sample),
    Route("/corpora/{corpus}/samples/{seed}/{number:int}", sample_page),
)
