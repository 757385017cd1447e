"""The overview as a page: what it shows and leads to, and that it runs nothing but its own script."""

import re
import shutil
from pathlib import Path

import pytest

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.write import write_report
from prox_assets.overview.reading import read_overview
from prox_assets.overview.write import write_overview, write_page
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.monitoring.metric_lakes import add_metrics, metric_lake
from prox_assets_tests.monitoring.metric_rows import week, weeks
from prox_assets_tests.overview.lakes import two_corpora

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ATTACK = "<script>document.title='owned'<\u2215script><img src=x onerror=alert(1)>"


def test_a_page_shows_every_corpus_and_leads_to_the_reports_that_are_there(tmp_path: Path) -> None:
    lake = two_corpora(tmp_path)
    write_report(lake, "web")
    write_overview(lake, read_overview(lake))
    text = (lake.storage.read_bytes("_overview/index.html") or b"").decode()
    assert re.findall(r'href="([^#"]+)"', text) == ["../web/report/index.html"]
    assert "Nothing needs anybody" in text
    assert text.count("<script>") == 1
    assert lake.storage.exists("_overview/overview.json")
    assert lake.corpora() == ["web", "wiki"]
    page = tmp_path / "page.html"
    write_page(lake, read_overview(lake), page)
    assert "/web/report/index.html" in page.read_text()


def test_an_empty_lake_has_a_page_that_says_how_to_fill_it(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    page = tmp_path / "page.html"
    write_page(lake, read_overview(lake), page)
    assert "prox refine" in page.read_text()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.local_lake
def test_headings_sort_without_a_network_and_names_run_nothing(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    counted = {"kept_unchanged": 0, "kept_edited": 0, "characters_in": 800_000, "characters_out": 600_000}
    lake = metric_lake(tmp_path / "lake", [{**row, **counted} for row in weeks(2)], corpus="small")
    for corpus, shards in ((ATTACK, 4), ("large", 9)):
        for number in range(shards):
            [row] = lake.rows("small", Table.SHARD_METRICS, "week-00")
            measured = {name: value for name, value in row.items() if name not in ("corpus", "shard")}
            add_metrics(lake, corpus, week(number)["shard"], measured)
    page_file = tmp_path / "page.html"
    write_page(lake, read_overview(lake), page_file)
    messages: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 400, "height": 800}, offline=True)
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("dialog", lambda dialog: messages.append(dialog.message))
        page.goto(page_file.as_uri())

        def order() -> list[str]:
            return [name.split("\n")[0] for name in page.locator("table.corpora tbody td.name").all_inner_texts()]

        assert sorted(order()) == order()
        page.click("table.corpora th button:text-is('documents')")
        assert [order()[0], order()[-1]] == ["large", "small"]
        page.click("table.corpora th button:text-is('documents')")
        assert [order()[0], order()[-1]] == ["small", "large"]
        page.click("table.corpora th button:text-is('corpus')")
        assert order()[-1] == "small"
        assert page.title() == "All corpora at a glance"
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        browser.close()
    assert messages == []
