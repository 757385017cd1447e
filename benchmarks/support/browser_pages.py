"""Times of the pages of `prox browse` over a lake, asked for through the application itself."""

import statistics
from time import perf_counter

from starlette.testclient import TestClient

from prox_assets.browser import links
from prox_assets.browser.app import browser_app
from prox_assets.browser.settings import Browser
from prox_assets.catalog.document_lists import draw_documents
from prox_assets.catalog.queries.documents import ANY
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome

TIMES = 7


def page_times(lake: Lake, corpus: str) -> dict[str, float]:
    """Return the median seconds of each page, by name; drift is judged before, as by the first reader."""
    browser = Browser(lake)
    browser.drifted.of(corpus, wait=True)
    client = TestClient(browser_app(browser), "http://127.0.0.1", raise_server_exceptions=False)
    drawn = draw_documents(lake, corpus, ANY, "benchmark", TIMES + 1)
    middle = sorted(place.shard for place in drawn)[len(drawn) // 2]
    pages = {
        "corpora": links.home(),
        "shards of a corpus": links.corpus(corpus),
        "shards by part of a name": links.with_query(links.corpus(corpus), {"piece": middle[-9:]}),
        "one shard": links.shard(corpus, middle),
        "documents": links.documents(corpus),
        "documents from the middle on": links.documents(corpus, {"after": middle, "row": 10}),
        "documents dropped as a whole": links.documents(corpus, {"outcome": Outcome.DROPPED_BY_DOCUMENT}),
        "documents without edits": links.documents(corpus, {"edits": "no"}),
        "documents of one site of 500": links.documents(corpus, {"site": "site7.example"}),
        "documents of shards that have not drifted": links.documents(corpus, {"drifted": "no"}),
        "documents by P(keep), found in no shard": links.documents(corpus, {"lowest": 0.2, "highest": 0.21}),
        "documents by a frequent word": links.documents(corpus, {"text": "harbours"}),
        "documents by a word found in no shard": links.documents(corpus, {"text": "xylophone"}),
        "a sample, its first document": links.sample(corpus, "benchmark", 1),
        "a sample of edited documents": links.sample(corpus, "benchmark", 1, {"edits": "yes"}),
        "judgements": links.judgements(corpus),
        "two refiners, no difference in any shard": links.comparison(corpus, corpus),
    }
    times = {name: statistics.median(_seconds(client, page) for _ in range(TIMES)) for name, page in pages.items()}
    # Another document each time: the first look at a shard reads its files.
    looks = [_seconds(client, links.document(corpus, place.doc_id, place.shard)) for place in drawn[:TIMES]]
    return {**times, "one document": statistics.median(looks)}


def _seconds(client: TestClient, address: str) -> float:
    started = perf_counter()
    answer = client.get(address)
    seconds = perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answers {answer.status_code}: {answer.text[:500]}")
    return seconds
