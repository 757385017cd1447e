"""Backfills of 1, 7 and 100 shards by the real daemon: every event once, nothing skipped, nothing stale that is not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.testing.dagster_deployment import Deployment, running_deployment, wait_for

SIZES = {"single": 1, "seven": 7, "hundred": 100}
ASSETS = ["raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics"]
PROSE = "\n".join(f"The {n}th boat of the day left the harbour with the tide, and that was that." for n in range(12))
BROKEN, REPLACED = "s003.jsonl", "s005.jsonl"


def write_shard(path: Path, more: str = "") -> None:
    rows = [{"text": f"Home | About\n{PROSE}\n{n}{more}", "url": f"https://x.example/{n}"} for n in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def attributes(folder: Path, corpus: str) -> dict[str, Any]:
    return {
        "urls": [str(folder / corpus / "*.jsonl")],
        "refiners": "rules",
        "report_schedule": None,
        "discovery_interval_seconds": 5,
        "shards_per_run": 3 if corpus == "seven" else 34,
        "cpu_shards_per_run": 4 if corpus == "seven" else 50,
    }


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("events")
    for corpus, size in SIZES.items():
        (folder / corpus).mkdir()
        for number in range(size):
            write_shard(folder / corpus / f"s{number:03}.jsonl")
    (folder / "seven" / BROKEN).write_bytes(b"\x00\x01" * 100)
    with running_deployment(folder, {corpus: attributes(folder, corpus) for corpus in SIZES}) as running:
        yield running


def events(instance: dg.DagsterInstance, corpus: str, asset: str) -> list[str]:
    records = instance.fetch_materializations(dg.AssetKey([corpus, asset]), limit=1000).records
    return sorted(record.partition_key or "" for record in records)


def not_fresh(deployment: Deployment, corpus: str, shards: list[str]) -> list[Any]:
    """Return what the UI calls stale, with its reasons."""
    query = """query($k: AssetKeyInput!, $p: String!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
                 staleStatus(partition: $p) staleCauses(partition: $p) { reason } } } }"""
    found = []
    for asset in ASSETS:
        for shard in shards:
            node = deployment.graphql(query, k={"path": [corpus, asset]}, p=shard)["assetNodeOrError"]
            if node["staleStatus"] != "FRESH":
                found.append((asset, shard, node["staleStatus"], [cause["reason"] for cause in node["staleCauses"]]))
    return found


def backfill(deployment: Deployment, corpus: str, assets: list[str], shards: list[str]) -> str:
    launched = deployment.launch_backfill(corpus, assets, shards)
    status = lambda: deployment.backfill_status(launched)  # noqa: E731
    wait_for(lambda: status().startswith(("COMPLETED", "FAILED")), 300, f"the backfill of {corpus}", every=1)
    return status()


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_backfills_log_every_event_once_and_leave_nothing_stale(deployment: Deployment) -> None:
    shards = {corpus: deployment.discover(corpus) for corpus in SIZES}
    good = {
        corpus: [shard for shard in keys if (corpus, shard) != ("seven", BROKEN)] for corpus, keys in shards.items()
    }
    launched = {corpus: deployment.launch_backfill(corpus, ASSETS, keys) for corpus, keys in shards.items()}
    with dg.DagsterInstance.from_config(str(deployment.home)) as instance:
        for corpus, backfill_id in launched.items():
            wait_for(
                lambda wanted=backfill_id: deployment.backfill_status(wanted).startswith(("COMPLETED", "FAILED")),
                400,
                f"the backfill of {corpus}",
                every=1,
            )
            for asset in ASSETS:
                assert events(instance, corpus, asset) == good[corpus], (corpus, asset)
            assert deployment.backfill_status(backfill_id) == (
                "COMPLETED_FAILED" if corpus == "seven" else "COMPLETED_SUCCESS"
            )
            assert not_fresh(deployment, corpus, good[corpus][:10]) == []

        # A shard whose file is rewritten with the same contents has a new version, and is done again once.
        folder = deployment.home.parent / "seven"
        write_shard(folder / REPLACED)
        write_shard(folder / BROKEN)
        deployment.discover("seven")
        assert ("raw_shards", REPLACED) in {found[:2] for found in not_fresh(deployment, "seven", [REPLACED])}
        assert backfill(deployment, "seven", ASSETS, [BROKEN, REPLACED]) == "COMPLETED_SUCCESS"
        for asset in ASSETS:
            assert events(instance, "seven", asset) == sorted([*shards["seven"], REPLACED]), asset
        assert not_fresh(deployment, "seven", shards["seven"]) == []
