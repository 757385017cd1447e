"""The page in headless Chromium without a network: it loads nothing, runs nothing, and fits a laptop's screen."""

import shutil
from pathlib import Path

import pytest

from prox_assets.monitoring.report.write import write_report
from prox_assets_tests.monitoring.report.lakes import CORPUS, TEXTS, add_measurement, measured_row, measured_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ATTACK = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\"><svg onload=alert(1)>"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_offline_and_nothing_in_it_runs(tmp_path: Path, scheme: str):
    sync_api = pytest.importorskip("playwright.sync_api")
    run = measured_run(tmp_path, [f"{ATTACK}\n{'wide' * 200}\n{text}" for text in TEXTS])
    for week in range(8):
        add_measurement(run.lake, measured_row(run), f"{'long-shard-name-' * 8}{week}", week)
    place = write_report(run.lake, CORPUS).place
    requests: list[str] = []
    messages: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme=scheme, offline=True)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("dialog", lambda dialog: messages.append(dialog.message))
        page.goto(Path(place).as_uri())
        title, wide = page.title(), page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size({"width": 400, "height": 800})
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        on_a_phone = page.evaluate("document.documentElement.scrollWidth")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()
    assert requests == [Path(place).as_uri()]
    assert messages == []
    assert title == "web: refinement report"
    assert wide <= 1366
    assert on_a_phone <= 400
    assert (sum(map(int, background[4:-1].split(","))) < 3 * 128) == (scheme == "dark")
