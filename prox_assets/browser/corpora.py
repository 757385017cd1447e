"""The pages of corpora, shards and lists of documents, and a corpus's report."""

from typing import Any

import duckdb
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prox_assets.browser import links
from prox_assets.browser.filters import Filters, position_query, read_filters, read_position
from prox_assets.browser.settings import FIRST_PAGE_WAITS, Browser
from prox_assets.browser.templating import page
from prox_assets.catalog.connection import ask_catalog, ask_corpus, damage_named
from prox_assets.catalog.document_lists import list_documents
from prox_assets.catalog.queries import shard_lists as shard_queries
from prox_assets.catalog.queries.counts import totals
from prox_assets.catalog.queries.judgements import judgements_on
from prox_assets.catalog.queries.scope import Scope
from prox_assets.comparison.contents import RefinerCost
from prox_assets.comparison.costs import refined_with
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import comparisons
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.judge import DriftError
from prox_assets.monitoring.prometheus import CONTENT_TYPE, lake_metrics
from prox_assets.monitoring.report.write import report_path
from prox_assets.overview.contents import CorpusOverview
from prox_assets.overview.page import NOTICES_SHOWN, TableHelp
from prox_assets.stages.reading.discovery import known_shard
from prox_assets.stages.states.shard_states import STAGES, State, shard_states

SHARD_ROWS = 50

WRITTEN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox"
"""What a page that was written for opening without a server may do here: nothing runs."""


def browser_of(request: Request) -> Browser:
    """Return the server's settings."""
    return request.app.state.browser


def named_corpus(request: Request, name: str = "corpus") -> str:
    """Return the corpus that the address names; answer 404 if the lake has none of that name."""
    corpus = request.path_params[name]
    if corpus not in browser_of(request).lake.corpora():
        raise HTTPException(404, f"The lake has no corpus {corpus!r}")
    return corpus


def home(request: Request) -> Response:
    """Show the corpora, as `prox overview` does; their names alone as long as the rest is being read."""
    browser = browser_of(request)
    found = browser.overview.of("", wait=FIRST_PAGE_WAITS)
    names = [] if found else browser.lake.corpora()
    return page(
        request,
        "home.html",
        found=found,
        names=names,
        help=TableHelp,
        links_of=_pages,
        most=NOTICES_SHOWN,
        compared=comparisons(browser.lake),
    )


def _pages(corpus: CorpusOverview) -> list[tuple[str, str]]:
    name = corpus.corpus
    return [
        ("Shards", links.corpus(name)),
        ("Documents", links.documents(name)),
        ("Read a sample", links.new_sample(name)),
        ("Report", links.report(name)),
    ]


def corpus_page(request: Request) -> Response:
    """Show a corpus: its totals and a page of its shards."""
    browser, corpus = browser_of(request), named_corpus(request)
    piece, after = request.query_params.get("piece", "").strip(), request.query_params.get("after", "")

    def question(con: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # noqa: ANN401 (DuckDB's)
        shards = shard_queries.listed_shards(con, corpus, piece, after, SHARD_ROWS + 1)
        return totals(con, "corpus", Scope((corpus,))).to_dicts(), shards.to_dicts()

    columns = (*shard_queries.COLUMNS, "tokens_in", "tokens_out")
    with damage_named(browser.lake, [corpus], (Table.SHARDS, Table.SHARD_METRICS)):
        found, rows = ask_catalog(browser.lake, question, [corpus], shard_queries.TABLES, columns=columns)
    more = len(rows) > SHARD_ROWS
    rows = rows[:SHARD_ROWS]
    drifted, problem = _drifted(browser, corpus)
    return page(
        request,
        "corpus.html",
        corpus=corpus,
        others=_comparable(browser.lake, corpus),
        refined=_refined_with(browser.lake, corpus),
        totals=found[0] if found else None,
        shards=[(row, _state(browser.lake, corpus, row["shard"])) for row in rows],
        drifted=drifted,
        drift_problem=problem,
        piece=piece,
        after=after,
        following=rows[-1]["shard"] if more else None,
        has_report=browser.lake.storage.exists(report_path(corpus)),
    )


def _refined_with(lake: Lake, corpus: str) -> tuple[tuple[str, ...], RefinerCost] | None:
    """Return refiners and cost; None if a file is damaged, which must not take the page away."""
    try:
        return refined_with(lake, corpus)
    except LakeError:
        return None


def _comparable(lake: Lake, corpus: str) -> list[str]:
    """Return the other corpora over the same raw files; all others if a damaged file keeps that from being told."""
    names = lake.corpora()
    try:
        return ask_catalog(
            lake,
            lambda con: shard_queries.corpora_over_the_same_files(con, corpus),
            names,
            [Table.SHARDS],
            columns=("corpus", "shard", "url"),
        )
    except (LakeError, duckdb.Error):
        return [name for name in names if name != corpus]


def shard_page(request: Request) -> Response:
    """Show a shard: what the lake holds of it, and which runs wrote that."""
    browser, corpus, shard = browser_of(request), named_corpus(request), request.path_params["shard"]
    lake = browser.lake
    if lake.info(corpus, Table.SHARDS, shard) is None:
        raise HTTPException(404, f"The corpus {corpus} has no shard {shard!r}")
    known = known_shard(lake, corpus, shard)
    [state] = shard_states(lake, corpus, [known])
    files = {stage: lake.info(corpus, table, shard) for stage, table in STAGES.items()}
    metrics = next(lake.rows(corpus, Table.SHARD_METRICS, shard), None)
    drifted, problem = _drifted(browser, corpus)
    return page(
        request,
        "shard.html",
        corpus=corpus,
        shard=known,
        stages=[(stage, state.stages[stage], files[stage]) for stage in STAGES],
        metrics=metrics,
        drifted=drifted,
        drift_problem=problem,
    )


def documents_page(request: Request) -> Response:
    """Show a page of documents."""
    browser, corpus = browser_of(request), named_corpus(request)
    filters = read_filters(request.query_params)
    found = list_documents(
        browser.lake, corpus, filters.wanted, read_position(request.query_params), only_shards(browser, corpus, filters)
    )
    ids = [row["doc_id"] for row in found.rows]
    told = ask_corpus(browser.lake, corpus, lambda con: judgements_on(con, corpus, ids).to_dicts(), [Table.JUDGEMENTS])
    return page(
        request,
        "documents.html",
        corpus=corpus,
        filters=filters,
        found=found,
        following={**filters.query(), **position_query(found.after)} if found.after else None,
        is_first=not request.query_params.get("after"),
        judged={row["doc_id"]: row["judgement"] for row in reversed(told)},
    )


def only_shards(browser: Browser, corpus: str, filters: Filters) -> frozenset[str] | None:
    """Return the shards to which filters confine a list; None for all.

    Raises:
        LakeError: The metrics cannot be read.
        DriftError: The settings of drift do not fit the corpus.
    """
    shards = frozenset([filters.shard]) if filters.shard else None
    if not filters.drifted:
        return shards
    drifted = browser.drifted.of(corpus, wait=None) or frozenset()
    if filters.drifted == "yes":
        return drifted if shards is None else drifted & shards
    if shards is None:
        shards = frozenset(
            ask_catalog(
                browser.lake,
                lambda con: dict(shard_queries.shards_that_may_hold(con, corpus)),
                [corpus],
                shard_queries.TABLES,
                columns=shard_queries.COLUMNS,
            )
        )
    return shards - drifted


def report(request: Request) -> Response:
    """Show the written report, as it is; it may not even run what its own policy allows."""
    browser, corpus = browser_of(request), named_corpus(request)
    written = browser.lake.storage.read_bytes(report_path(corpus))
    if written is None:
        return page(
            request,
            "message.html",
            404,
            title=f"{corpus} has no report yet",
            detail=f"Materialize refinement_report, or run: prox report --corpus {corpus}",
        )
    return Response(written, media_type="text/html", headers={"Content-Security-Policy": WRITTEN_POLICY})


def metrics(request: Request) -> Response:
    """Serve the lake's metrics for Prometheus, as `prox metrics` prints them."""
    browser = browser_of(request)
    corpora = browser.lake.corpora()
    return Response(
        lake_metrics(browser.lake, corpora, browser.settings.drift(corpora)),
        headers={"content-type": CONTENT_TYPE},
    )


def _state(lake: Lake, corpus: str, shard: str) -> tuple[str, State]:
    """Return the first stage that is not done with its state; the last stage if all are."""
    try:
        [state] = shard_states(lake, corpus, [known_shard(lake, corpus, shard)])
    except LakeError:
        return "damaged", State.STALE
    waiting = [(stage, found) for stage, found in state.stages.items() if found is not State.DONE]
    return waiting[0] if waiting else ("done", State.DONE)


def _drifted(browser: Browser, corpus: str) -> tuple[frozenset[str] | None, str]:
    try:
        return browser.drifted.of(corpus), ""
    except (LakeError, DriftError) as error:
        return frozenset(), str(error)


ROUTES = (
    Route("/", home),
    Route("/metrics", metrics),
    Route("/corpora/{corpus}", corpus_page),
    Route("/corpora/{corpus}/shards/{shard}", shard_page),
    Route("/corpora/{corpus}/documents", documents_page),
    Route("/corpora/{corpus}/report", report),
)
