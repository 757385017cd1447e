"""A corpus left alone: real daemon, webserver, browser and webhook; shards arrive, one is broken, one is spam.

Nobody materializes anything. Somebody moves a threshold, and somebody runs a check on its own.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from playwright.sync_api import sync_playwright

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.testing.dagster_deployment import (
    LOCATION,
    REPOSITORY,
    Deployment,
    create_deployment,
    serving,
    wait_for,
    write_corpus,
)
from prox_assets.testing.servers.webhook_server import WebhookServer, webhook_server
from prox_assets_tests.orchestration.test_backfill import CHROMIUM
from prox_assets_tests.orchestration.test_events_of_backfills import ASSETS, not_fresh

CORPUS = "crawl"
NOUNS = """
harbour tide boat rope sailor morning market fish basket lantern window village road bridge river mill baker bread flour
oven winter summer garden apple orchard ladder roof carpenter hammer nail board plank cart horse meadow fence letter
post station train ticket platform clock tower bell church school teacher pupil lesson chalk paper
"""
VERBS = "carried followed watched repaired painted opened closed remembered noticed brought measured counted"
PAGES = 40
Settings = dict[str, Any]


def sentence(rng: random.Random) -> str:
    one, two, three, four = rng.sample(NOUNS.split(), 4)
    did, was = rng.sample(VERBS.split(), 2)
    return rng.choice(
        [
            f"When {one} and {two} were {did}, nobody of the {three} asked that {four} be {was}.",
            f"She {did} the {one} to a {two}, with {three} that he {was} before {four} came.",
            f"Have they {did} {rng.randint(3, 99)} {one}s, or was the {two} of {three} to be {was}?",
            f"A {one} that {did} {two} and {three} is with us; it {was} its {four} in spring.",
        ]
    )


def write_prose(path: Path) -> None:
    rng = random.Random(path.name)
    lines = [[" ".join(sentence(rng) for _ in range(3)) for _ in range(6)] for _ in range(PAGES)]
    write(path, ["\n".join(["Home | About | Contact", *body, "Share this page"]) for body in lines])


def write(path: Path, texts: list[str]) -> None:
    rows = [{"text": text, "url": f"https://{path.stem}.example/{row}"} for row, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unattended")
    (folder / "raw").mkdir()
    for number in range(4):
        write_prose(folder / "raw" / f"s{number}.jsonl")
    (folder / "raw" / "s4-broken.jsonl").write_bytes(b"\x00\x01" * 100)
    return folder


@pytest.fixture(scope="module")
def settings(folder: Path, webhook: WebhookServer) -> Settings:
    return {
        "urls": [str(folder / "raw" / "*.jsonl")],
        "refiners": "rules",
        "report_schedule": None,
        "automation": "eager",
        "automation_interval_seconds": 5,
        "discovery_interval_seconds": 5,
        "monitoring": {"min_baseline_shards": 4},
        "alerts": {"webhook": webhook.url},
    }


@pytest.fixture(scope="module")
def deployment(folder: Path, settings: Settings) -> Iterator[Deployment]:
    create_deployment(folder, {CORPUS: settings})
    with serving(folder) as running:
        yield running


def measured(deployment: Deployment) -> set[str]:
    return set(Lake(str(deployment.lake)).shards(CORPUS, Table.SHARD_METRICS))


def executions(deployment: Deployment) -> dict[str, str]:
    lake = Lake(str(deployment.lake))
    return lake.executions(CORPUS, sorted(measured(deployment)))


def checks(instance: dg.DagsterInstance, asset: str, check: str) -> list[dg.AssetCheckEvaluation]:
    """Return the evaluations of a check, the latest first."""
    key = dg.AssetCheckKey(dg.AssetKey([CORPUS, asset]), check)
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
    return [record.evaluation for record in history if isinstance(record.evaluation, dg.AssetCheckEvaluation)]


def is_up_to_date(instance: dg.DagsterInstance, asset: str) -> bool:
    found = checks(instance, asset, "up_to_date")
    return bool(found) and found[0].passed


def run_check_alone(deployment: Deployment, asset: str, check: str) -> str:
    """Execute a check as the UI's button does; return the run's status."""
    data = deployment.graphql(
        """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
             __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
        p={
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": REPOSITORY,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [],
                "assetCheckSelection": [{"assetKey": {"path": [CORPUS, asset]}, "name": check}],
            },
            "runConfigData": {},
            "mode": "default",
        },
    )["launchPipelineExecution"]
    assert data["__typename"] == "LaunchRunSuccess", data
    run = data["run"]["runId"]
    wait_for(lambda: deployment.run_status(run) in ("SUCCESS", "FAILURE"), 120, "the check's run")
    return deployment.run_status(run)


def told(webhook: WebhookServer) -> str:
    return json.dumps(webhook.messages)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.timeout(900)
def test_a_corpus_left_alone_is_refined_watched_and_reported(
    deployment: Deployment, folder: Path, settings: Settings, webhook: WebhookServer
) -> None:
    good = {f"s{number}.jsonl" for number in range(4)}
    report = deployment.lake / CORPUS / "report" / "index.html"
    with dg.DagsterInstance.from_config(str(deployment.home)) as instance:
        # Four shards are refined, measured and reported; the broken one holds nothing back, and is told.
        wait_for(lambda: measured(deployment) == good, 240, "four measured shards", every=1)
        wait_for(report.exists, 120, "the report", every=1)
        assert "s4-broken" in report.read_text()
        wait_for(lambda: "s4-broken" in told(webhook), 120, "an alert about the broken shard", every=1)

        # A moved threshold is an execution, and no inference.
        before = executions(deployment)
        programs = {path: path.stat().st_mtime_ns for path in deployment.lake.glob(f"{CORPUS}/*_programs/*.parquet")}
        moved = {**settings, "policy": {"min_kept_share": 0.01}}
        write_corpus(folder, CORPUS, moved)
        deployment.reload()
        wait_for(
            lambda: all(executions(deployment).get(shard) not in (None, before[shard]) for shard in good),
            240,
            "four executions under the new threshold",
            every=1,
        )
        assert programs == {path: path.stat().st_mtime_ns for path in programs}

        # A shard of spam arrives: an alarm, and no other.
        assert "drift" not in told(webhook)
        write(folder / "raw" / "s5-spam.jsonl", ["Cheap watches, buy now!\n" * 30] * PAGES)
        wait_for(lambda: "s5-spam.jsonl" in measured(deployment), 240, "the measured spam", every=1)
        wait_for(lambda: "distribution_drift" in told(webhook), 120, "an alert about drift", every=1)
        assert "s5-spam" in told(webhook)

        # A check on its own, without materializing anything.
        events = len(instance.fetch_materializations(dg.AssetKey([CORPUS, "quality_metrics"]), limit=1000).records)
        evaluated = len(checks(instance, "quality_metrics", "distribution_drift"))
        assert run_check_alone(deployment, "quality_metrics", "distribution_drift") == "SUCCESS"
        found = checks(instance, "quality_metrics", "distribution_drift")
        assert len(found) == evaluated + 1
        assert not found[0].passed
        assert {"retention/change", "retention/limit"} <= found[0].metadata.keys()
        records = instance.fetch_materializations(dg.AssetKey([CORPUS, "quality_metrics"]), limit=1000).records
        assert len(records) == events

        # In the end nothing is stale that is not, and report and catalog are current.
        for asset in ("refinement_report", "catalog"):
            wait_for(lambda wanted=asset: is_up_to_date(instance, wanted), 180, f"a current {asset}", every=1)
        assert not_fresh(deployment, CORPUS, sorted(good | {"s5-spam.jsonl"})) == []
        assert "s5-spam" in report.read_text()
        for asset in ASSETS[1:]:
            verdict = checks(instance, asset, "up_to_date")[0]
            assert (verdict.metadata["done"].value, verdict.metadata["missing"].value) == (5, 1), (asset, verdict)

    look_at(deployment)


def look_at(deployment: Deployment) -> None:
    """The UI says the same: five partitions, a failed one, and a failed check with its numbers."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1100})
        page.goto(f"{deployment.url}/assets/{CORPUS}/raw_shards?view=partitions")
        page.get_by_text("Materialized (5)").wait_for(timeout=60_000)
        assert page.get_by_text("Failed (1)").first.is_visible()
        screenshot(page, "partitions")
        page.goto(f"{deployment.url}/assets/{CORPUS}/quality_metrics?view=checks")
        page.get_by_text("distribution_drift").first.wait_for(timeout=60_000)
        page.get_by_text("distribution_drift").first.click()
        page.get_by_text("Retention per document shifted").first.wait_for(timeout=60_000)
        screenshot(page, "checks")
        page.goto(f"{deployment.url}/asset-groups/{CORPUS}")
        page.get_by_text("refinement_report").first.wait_for(timeout=60_000)
        screenshot(page, "graph")
        browser.close()


def screenshot(page: Any, name: str) -> None:
    folder = os.environ.get("PROX_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(2_000)
        page.screenshot(path=Path(folder) / f"unattended-{name}.png", full_page=True)
