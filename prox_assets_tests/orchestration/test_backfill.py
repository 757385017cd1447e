"""End to end with the real daemon and webserver: a backfill as the UI launches it, with kills on the way."""

import gzip
import json
import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psutil
import pytest
from playwright.sync_api import sync_playwright

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.reconciliation import SHARD_TABLES
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.testing.dagster_deployment import Deployment, running_deployment, wait_for

CORPUS = "shop_pages"
SHARDS = 3
DOCUMENTS = 60
WINDOW = 4
ASSETS = ["raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics"]
# Who wrote a row and when differs between two runs; what the row says must not.
NOT_COMPARED = ("run_id", "code_version", "execution_id")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def write_shards(folder: Path) -> None:
    folder.mkdir()
    for shard in range(SHARDS):
        lines = []
        for row in range(DOCUMENTS):
            body = "\n".join(
                f"Line {line} of page {row} in shard {shard} tells of boats and tides." for line in range(6)
            )
            lines.append(
                json.dumps({"text": f"Home | About\n{body}\nShare", "url": f"https://x.example/{shard}/{row}"})
            )
        lines.insert(5, '{"text": broken')
        with gzip.open(folder / f"part-{shard}.json.gz", "wt") as file:
            file.write("\n".join(lines) + "\n")


def attributes(folder: Path, model: Path) -> dict[str, object]:
    """A tiny model that generates at both levels, slowly enough to be killed in the middle."""
    refiner = {
        "model": str(model),
        "prompt_format": "plain",
        "decoding": "complete",
        "window": 512,
        "max_new_tokens": 48,
        "dtype": "float32",
        "probe": False,  # the model is random
    }
    return {
        "urls": [str(folder / "*.json.gz")],
        "format": "c4",
        "refiners": {
            "name": "tiny",
            "doc": {"name": "tiny-doc", "level": "doc", **refiner},
            "chunk": {"name": "tiny-chunk", "level": "chunk", **refiner},
        },
        "engine": {"kind": "transformers", "device": "cpu", "batch_size": 2, "look_ahead": 2, "threads": 1},
        "window_documents": WINDOW,
        "shards_per_run": SHARDS,
    }


def rows(lake: Path, table: Table) -> pl.DataFrame:
    frame = Lake(str(lake)).scan(CORPUS, table).collect().drop(NOT_COMPARED, strict=False)
    order = [name for name in ("shard", "source_row", "chunk_index", "position") if name in frame.columns]
    return frame.sort(order)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    write_shards(folder / "raw")
    with running_deployment(folder, {CORPUS: attributes(folder / "raw", tiny_llama)}) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, deployment: Deployment, tiny_llama: Path) -> Path:
    """The same shards, refined in this process without Dagster."""
    folder = tmp_path_factory.mktemp("undisturbed")
    raw = deployment.home.parent / "raw"
    settings = CorpusSettings.model_validate({"corpus": CORPUS, **attributes(raw, tiny_llama)})
    lake = Lake(str(folder))
    shards = discover_shards(lake, settings.plan, "reference").shards
    result = refine_shards(lake, settings.plan, shards, uuid.uuid4().hex, report=lambda *_: lambda *_: None)
    assert not result.errors
    return folder


def finished_windows(lake: Path, table: str) -> int:
    return len(list((lake / "_resume" / CORPUS / table).glob("*/*/*.parquet")))


def kill_when(deployment: Deployment, table: str, victims: str) -> psutil.Process:
    """Wait until some windows of a table are finished in the run under way; kill its step process or its run worker."""
    wait_for(lambda: finished_windows(deployment.lake, table) >= 3, 240, f"windows of {table}", every=0.1)
    processes = deployment.step_processes() if victims == "step" else deployment.run_workers()
    [victim] = processes
    os.kill(victim.pid, signal.SIGKILL)
    return victim


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backfill_with_a_killed_step_and_a_killed_run_worker_ends_with_the_rows_of_an_undisturbed_one(
    deployment: Deployment, undisturbed: Path
) -> None:
    shards = deployment.discover(CORPUS)
    assert len(shards) == SHARDS

    backfill = deployment.launch_backfill(CORPUS, ASSETS, shards)
    kill_when(deployment, "doc_programs", "step")
    before = {process.pid for process in deployment.step_processes()}
    worker = kill_when(deployment, "chunk_programs", "worker")
    orphans = [pid for pid in before if psutil.pid_exists(pid) and psutil.Process(pid).ppid() == worker.pid]
    assert not orphans

    wait_for(lambda: deployment.backfill_status(backfill).startswith("COMPLETED"), 400, "the backfill", every=2)

    assert deployment.backfill_status(backfill) == "COMPLETED_SUCCESS"
    for asset in ASSETS:
        assert deployment.partition_counts(CORPUS, asset) == {
            "numMaterialized": SHARDS,
            "numFailed": 0,
            "numPartitions": SHARDS,
        }
    for table in SHARD_TABLES:
        assert rows(deployment.lake, table).equals(rows(undisturbed, table)), table
    assert not list(deployment.lake.glob("_resume/**/*.parquet"))
    assert not list(deployment.lake.glob("_leases/**/*.json"))

    statuses = [run["status"] for run in deployment.runs()]
    assert "FAILURE" in statuses  # the killed worker's run; its retry is another one

    metadata = deployment.metadata(CORPUS, "doc_programs", shards[0])
    assert metadata["documents"] == DOCUMENTS
    metrics = deployment.metadata(CORPUS, "quality_metrics", shards[1])
    assert metrics["documents_in"] == DOCUMENTS
    assert metrics["rows_rejected"] == 1
    assert metrics["tokens_out"] >= 0
    assert "excerpts" in deployment.metadata(CORPUS, "refined_shards", shards[2])


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_asset_page_of_refined_shards_shows_the_materialized_partitions(deployment: Deployment) -> None:
    if deployment.partition_counts(CORPUS, "refined_shards")["numMaterialized"] < SHARDS:
        shards = deployment.discover(CORPUS)
        backfill = deployment.launch_backfill(CORPUS, ASSETS, shards)
        wait_for(lambda: deployment.backfill_status(backfill) == "COMPLETED_SUCCESS", 280, "the backfill", every=2)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.goto(f"{deployment.url}/assets/{CORPUS}/refined_shards?view=partitions")
        page.get_by_text(f"Materialized ({SHARDS})").wait_for(timeout=60_000)
        for shard in range(SHARDS):
            assert page.get_by_text(f"part-{shard}", exact=True).first.is_visible()
        screenshots = os.environ.get("PROX_SCREENSHOTS")
        if screenshots:
            page.screenshot(path=Path(screenshots) / "refined-shards.png")
        browser.close()
