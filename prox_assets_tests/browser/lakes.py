"""A small lake to look at: a shard in which every fate of a document occurs, and hostile text."""

from pathlib import Path

from starlette.testclient import TestClient

from prox_assets.browser.app import browser_app
from prox_assets.browser.settings import Browser
from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.lakes import lake_at

SERVER = "http://127.0.0.1"
CORPUS, SHARD = "web", "one.jsonl"
ATTACK = (
    "menu\n<script>document.title = 'owned'</script></textarea></pre></title><img src=x onerror=\"document.title = "
    "'owned'\">\n\u202emirrored\u202c \x1b[31mred \x7f\nשלום, a line in two directions."
)
HOSTILE = Page(ATTACK, "remove_lines(0, 0)", url="javascript:alert(1)//\"><script>document.title = 'owned'</script>")


def read_lake(folder: Path) -> Lake:
    """Refine PAGES and the hostile one as the corpus `web`, and all of them as `web_two`, where nothing is edited."""
    lake = lake_at(folder / "lake")
    pages = (*PAGES, HOSTILE)
    refine_pages(lake, folder / "raw", pages)
    kept = tuple(Page(page.text, url=page.url) for page in pages)
    refine_pages(lake, folder / "raw", kept, corpus="web_two")
    return lake


def client_of(lake: Lake, **settings: object) -> TestClient:
    """Return a client that asks as a browser on this machine does."""
    return TestClient(browser_app(Browser(lake, **settings)), SERVER)  # type: ignore[arg-type]


def place_of_page(lake: Lake, text: str, corpus: str = CORPUS) -> DocumentPlace:
    """Return the place of the page that begins with a text."""
    for row in lake.rows(corpus, Table.DOCUMENTS, SHARD):
        if row["text"].startswith(text):
            return DocumentPlace(corpus, SHARD, row["doc_id"], row["source_row"])
    raise AssertionError(f"no page begins with {text!r}")


def judgement_form(lake: Lake, place: DocumentPlace, judgement: str, **values: str) -> dict[str, str]:
    """Return what a page's form posts."""
    return {
        "shard": place.shard,
        "row": str(place.source_row),
        "execution": lake.execution(place.corpus, place.shard) or "",
        "judge": "ada",
        "judgement": judgement,
        **values,
    }
