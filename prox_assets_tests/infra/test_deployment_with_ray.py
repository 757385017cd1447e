"""The deployment with a cluster of Ray beside it: Postgres, code location, daemon, webserver, a head and two nodes.

In `make trials`.
"""

from pathlib import Path

import dagster as dg
import httpx
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.testing.clusters.ray_cluster import ray_cluster
from prox_assets.testing.dagster_deployment import LOCATION, wait_for, write_project
from prox_assets_tests.infra.containers import Containers
from prox_assets_tests.infra.postgres_server import PostgresServer
from prox_assets_tests.orchestration.conftest import CORPUS
from prox_assets_tests.orchestration.launchers.placed import (
    cluster,
    everywhere,
    local_rows,
    nothing_is_left,
    rows,
    write_raw,
)

pytestmark = [pytest.mark.trial, pytest.mark.local_lake]


@pytest.mark.timeout(600)
def test_runs_from_the_queue_refine_two_shards_as_jobs_of_ray(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**postgres.environment(), "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    raw = write_raw(tmp_path, shards=2, pages=5)
    with ray_cluster() as nodes:
        placements = everywhere(cluster("ray", address=nodes.address, shards_per_job=1))
        placements["programs"] = {**placements["programs"], "gpus": 1}
        write_project(tmp_path, {CORPUS: {"urls": [str(raw / "*")], "placement": placements}})
        containers = Containers(tmp_path, postgres, LOCATION)
        with containers.serving() as deployment:
            keys = deployment.discover(CORPUS)
            backfill = deployment.launch_backfill(CORPUS, list(STAGES), keys)
            wait_for(
                lambda: deployment.backfill_status(backfill).startswith(("COMPLETED", "FAILED")),
                300,
                "the backfill",
                every=1,
            )
            assert deployment.backfill_status(backfill) == "COMPLETED_SUCCESS"
        jobs = httpx.get(f"{nodes.address}/api/jobs/", trust_env=False).json()

    assert len(keys) == 2
    assert [job["status"] for job in jobs] == ["SUCCEEDED"] * 6, "one for each shard and step"
    for event in ("PIPELINE_ENQUEUED", "PIPELINE_STARTING", "PIPELINE_SUCCESS"):
        passed = f"select run_id from event_logs where dagster_event_type = '{event}' order by 1"  # noqa: S608
        assert containers.query(passed) == containers.query("select run_id from runs order by 1"), event
    lake = Lake(str(tmp_path / "lake"))
    told: dict[tuple[str, str | None], str] = {}
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        for asset in STAGES:
            for record in instance.fetch_materializations(dg.AssetKey([CORPUS, asset]), limit=1000).records:
                materialization = record.asset_materialization
                assert materialization is not None
                assert materialization.tags is not None
                assert (asset, record.partition_key) not in told, "one event for each shard"
                told[asset, record.partition_key] = materialization.tags["dagster/data_version"]
    assert told == {
        (asset, key): lake.require(CORPUS, table, key).identity for asset, table in STAGES.items() for key in keys
    }
    assert rows(lake) == local_rows(raw, tmp_path / "local")
    assert nothing_is_left(lake)
