"""`prox browse` as a process: it serves the lake on loopback, warns where others reach it, and says what is wrong."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep, time

import httpx
import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.testing.ports import free_port
from prox_assets_tests.catalog.refined_lakes import refine_pages
from prox_assets_tests.lakes import lake_at


@contextmanager
def browsing(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from prox_assets.cli import main; main()", "browse", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def answer(address: str, **headers: str) -> httpx.Response:
    deadline = time() + 60
    while True:
        try:
            return httpx.get(address, headers=headers, timeout=30)
        except httpx.ConnectError:
            assert time() < deadline, f"{address} does not answer"
            sleep(0.05)


def test_it_serves_the_lake_until_it_is_stopped(tmp_path):
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    refine_pages(lake, tmp_path / "raw", corpus="news")
    settings = tmp_path / "defs.yaml"
    settings.write_text("attributes: {corpus: web, urls: [x], dagster_url: 'http://dagster.example'}")
    options = ("--judge", "zoë", "--allow-host", "pages.example", "--settings", str(settings))
    with browsing("--lake", lake.url, "--port", str(port), *options) as process:
        page = answer(address)
        assert page.status_code == 200
        assert ">web<" in page.text
        assert answer(f"{address}/corpora/web/documents").status_code == 200
        assert answer(address, host="pages.example").status_code == 200
        assert answer(address, host="evil.example").status_code == 400
        assert "server" not in page.headers
        assert "http://dagster.example/runs/run-1" in answer(f"{address}/corpora/web/shards/one.jsonl").text
        assert "dagster.example" not in answer(f"{address}/corpora/news/shards/one.jsonl").text
        with browsing("--lake", lake.url, "--port", str(port)) as second:
            assert second.wait(60) == 1
        process.terminate()
        said, warned = process.communicate(timeout=60)
    assert said.startswith(f"{address} shows the lake {lake.url}; Ctrl-C stops")
    assert "warning" not in warned


def test_it_warns_where_others_reach_it(tmp_path):
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw")
    port = free_port()
    settings = tmp_path / "defs.yaml"
    settings.write_text("attributes: {corpus: web, urls: [x], dagster_url: 'http://dagster.example'}")
    options = ("--settings", str(settings), "--dagster-url", "https://other.example/")
    with browsing("--lake", lake.url, "--host", "0.0.0.0", "--port", str(port), *options) as process:  # noqa: S104 (that is the point)
        page = answer(f"http://127.0.0.1:{port}/corpora/web/shards/one.jsonl")
        assert "https://other.example/runs/run-1" in page.text
        assert "dagster.example" not in page.text
        process.terminate()
        _, warned = process.communicate(timeout=60)
    assert "the pages have no login" in " ".join(warned.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--lake", "nowhere"], "has no corpus yet"), (["--settings", "missing.yaml"], "cannot be read as settings")],
)
def test_what_cannot_be_served_is_said_at_once(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROX_LAKE", raising=False)  # `make test` sets it
    refine_pages(lake_at(tmp_path / "lake"), tmp_path / "raw")
    done = CliRunner().invoke(app, ["browse", *arguments])
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
