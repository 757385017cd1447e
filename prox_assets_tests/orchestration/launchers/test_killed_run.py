"""A run worker of the real Dagster is killed while a job of Slurm infers; the run is retried and follows the job."""

import os
import signal
from pathlib import Path

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.testing.clusters import slurm_stand_in
from prox_assets.testing.dagster_deployment import create_deployment, serving, wait_for
from prox_assets_tests.orchestration.conftest import CORPUS
from prox_assets_tests.orchestration.launchers.placed import (
    PROGRAMS,
    SLOW,
    cluster,
    nothing_is_left,
    town_over,
    windows,
    write_raw,
)

pytestmark = [pytest.mark.slow, pytest.mark.local_lake]

PAGES = 400


def test_a_job_outlives_its_run_and_the_retry_follows_it(tmp_path: Path) -> None:
    environment = slurm_stand_in.install(tmp_path / "slurm")
    raw = write_raw(tmp_path, shards=1, pages=PAGES)
    lake = Lake(str(tmp_path / "lake"))
    settings = town_over(raw, tmp_path / "lake", {"programs": cluster("slurm")}, **SLOW).settings
    create_deployment(tmp_path, {CORPUS: settings.model_dump(mode="json", exclude_unset=True)})
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        [key] = [shard.key for shard in prepare_partitions(instance, lake, settings, "test").shards]
    read_raw_shard(ShardRun(lake, settings.plan, key, "test"))

    with serving(tmp_path, environment) as deployment:
        deployment.launch_backfill(CORPUS, list(PROGRAMS), [key])
        wait_for(lambda: windows(tmp_path / "lake") >= 3, 200, "windows", every=0.05)
        [worker] = deployment.run_workers()
        os.kill(worker.pid, signal.SIGKILL)
        made = {"numMaterialized": 1, "numFailed": 0, "numPartitions": 1}
        wait_for(lambda: deployment.partition_counts(CORPUS, "chunk_programs") == made, 400, "the programs")
        shown = deployment.metadata(CORPUS, "doc_programs", key)

    assert (shown["documents_inferred"], shown["windows_resumed"]) == (PAGES, 0), "by one job alone"
    assert len(list((tmp_path / "slurm" / "queue").glob("*.sh"))) == 1
    assert len({row["run_id"] for row in lake.rows(CORPUS, Table.DOC_PROGRAMS, key)}) == 1
    assert nothing_is_left(lake)
