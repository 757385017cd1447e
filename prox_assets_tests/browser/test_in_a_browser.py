"""The pages in headless Chromium: read a sample with keys, judge, and see that a hostile document runs nothing."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from prox_assets.browser import links
from prox_assets.browser.app import browser_app
from prox_assets.browser.settings import Browser
from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.queries.judgements import judgements
from prox_assets.lake.lake import Lake
from prox_assets_tests.browser.lakes import ATTACK, CORPUS, place_of_page, read_lake

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def served(lake: Lake) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(browser_app(Browser(lake, judge="ada")), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_reading_and_judging_with_keys(tmp_path, scheme, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    lake = read_lake(tmp_path)
    messages: list[str] = []
    foreign: list[str] = []
    with served(lake) as server, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("dialog", lambda dialog: messages.append(dialog.message))
        page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(server) else None)

        # A list: j and Enter open the second document.
        page.goto(f"{server}{links.documents(CORPUS)}")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{links.document(CORPUS, place_of_page(lake, 'Home').doc_id)}*")

        # A sample of edited documents: the note, then a judgement by key, which leads on to the next one.
        page.goto(f"{server}{links.new_sample(CORPUS, {'outcome': 'kept_edited'})}")
        first = page.title().removeprefix("Document ")
        page.keyboard.press("n")
        page.keyboard.type("2 of 3 lines")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        page.wait_for_url("**/samples/*/2?*")
        page.keyboard.press("k")
        page.wait_for_url("**/samples/*/1?*")
        assert "2 of 3 lines" in page.inner_text(".told")
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**/samples/*/2?*")
        page.keyboard.press("v")
        page.wait_for_url("**view=side*")
        page.keyboard.press("j")
        page.wait_for_url("**/samples/*/3?*view=side*")

        # The hostile document, in every place that shows it.
        hostile = place_of_page(lake, ATTACK[:20])
        for address in (
            links.document(CORPUS, hostile.doc_id),
            links.side_by_side((CORPUS, "web_two"), hostile.doc_id),
            links.documents(CORPUS),
            links.comparison(CORPUS, "web_two"),
        ):
            page.goto(f"{server}{address}")
            assert page.title() != "owned"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.images.length") == 0
        page.goto(f"{server}{links.document(CORPUS, hostile.doc_id)}")
        assert "owned'</script></textarea></pre>" in page.inner_text("article")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()
    assert messages == []
    assert foreign == []
    assert (sum(map(int, background[4:-1].split(","))) < 3 * 128) == (scheme == "dark")
    with open_catalog(lake) as catalog:
        [told] = judgements(catalog).to_dicts()
    assert (told["doc_id"], told["judgement"], told["note"], told["judge"]) == (
        first,
        "bad_edit",
        "2 of 3 lines",
        "ada",
    )
