"""Steps as jobs of Slurm, with stand-ins for its commands that run the scripts on this machine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.launchers.launcher import Job
from prox_assets.orchestration.launchers.slurm import script
from prox_assets.placement.settings import SlurmPlacement
from prox_assets.testing.clusters import slurm_stand_in
from prox_assets.testing.dagster_deployment import wait_for
from prox_assets_tests.orchestration.assets.shards.test_shard_step import TABLES, events
from prox_assets_tests.orchestration.conftest import CORPUS
from prox_assets_tests.orchestration.launchers.placed import (
    PROGRAMS,
    SLOW,
    STEPS,
    cluster,
    disturbed,
    everywhere,
    inferred_from,
    local_rows,
    nothing_is_left,
    problems,
    rows,
    run_all,
    run_step,
    town_over,
    windows,
    without_retry_delays,
    write_raw,
)
from prox_assets_tests.placement.corpora import environment

pytestmark = pytest.mark.local_lake


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, value in slurm_stand_in.install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "slurm" / "queue"
    yield folder
    for name in jobs(folder):
        slurm_stand_in.kill(folder, name, 0)
        slurm_stand_in.kill(folder, name, 1)


def jobs(queue: Path) -> set[str]:
    return {json.loads(path.read_text())["name"] for path in queue.glob("*.json")}


def submitted(queue: Path) -> list[str]:
    return [path.read_text() for path in sorted(queue.glob("*.sh"))]


def test_a_corpus_on_slurm_has_the_rows_of_a_local_one_and_an_event_for_each_shard(tmp_path: Path, queue: Path) -> None:
    raw = write_raw(tmp_path, shards=2, pages=3)
    town = town_over(raw, tmp_path / "lake", everywhere(cluster("slurm", shards_per_job=1)))

    run_all(town)

    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
    for asset, table in TABLES.items():
        logged = events(town, asset)
        assert {shard: len(each) for shard, each in logged.items()} == {"part-0": 1, "part-1": 1}
        for shard, [event] in logged.items():
            assert (event.tags or {})["dagster/data_version"] == town.lake.require(CORPUS, table, shard).identity
    assert len(submitted(queue)) == len(STEPS)
    assert all("#SBATCH --array=0-1\n" in script for script in submitted(queue))
    assert jobs(queue) == set()
    assert nothing_is_left(town.lake)


def test_a_preempted_job_goes_on_in_the_next_one_where_it_was(tmp_path: Path, queue: Path) -> None:
    raw = write_raw(tmp_path, shards=1, pages=100)
    town = town_over(raw, tmp_path / "lake", {"programs": cluster("slurm")}, **SLOW)
    assert run_step(town, "raw_shards").success

    result = disturbed(town, lambda: slurm_stand_in.preempt(queue, jobs(queue).pop()))

    assert result.success, problems(result)
    assert len(submitted(queue)) == 1, "Slurm itself has put it into the queue again"
    [(resumed, inferred)] = inferred_from(town, "doc_programs").values()
    assert resumed >= 3
    assert inferred == 100 - resumed
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")


def test_a_killed_job_is_started_again_for_its_own_shards(tmp_path: Path, queue: Path) -> None:
    raw = write_raw(tmp_path, shards=2, pages=100)
    town = town_over(raw, tmp_path / "lake", {"programs": cluster("slurm", shards_per_job=1)}, **SLOW)
    assert run_step(town, "raw_shards").success

    def kill_the_second_shards() -> None:
        wait_for(lambda: list(tmp_path.glob("lake/_resume/*/doc_programs/part-1/*/*.parquet")), 60, "its window")
        slurm_stand_in.kill(queue, jobs(queue).pop(), 1)

    result = disturbed(town, kill_the_second_shards)

    assert result.success, problems(result)
    first, second = submitted(queue)
    assert "--array" in first
    assert "--array" not in second
    assert {key: sum(counts) for key, counts in inferred_from(town, "doc_programs").items()} == {
        "part-0": 100,
        "part-1": 101,
    }
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
    assert nothing_is_left(town.lake)


def test_a_step_that_dies_is_succeeded_by_one_that_follows_its_job(tmp_path: Path, queue: Path) -> None:
    """As after a restart of Dagster: the run is retried as a new one, which knows nothing of the job."""
    placement = {"programs": cluster("slurm")}
    raw = write_raw(tmp_path, shards=2, pages=100)
    town = town_over(raw, tmp_path / "lake", placement, **SLOW)
    assert run_step(town, "raw_shards").success
    module = "prox_assets_tests.orchestration.launchers.placed"
    command = [sys.executable, "-m", module, str(tmp_path), json.dumps(placement), *PROGRAMS]
    with subprocess.Popen(command, env=environment(), start_new_session=True) as step:
        wait_for(lambda: windows(tmp_path / "lake") >= 3, 120, "windows", every=0.01)
        os.killpg(step.pid, signal.SIGKILL)
    [job] = jobs(queue)

    result = run_step(town, *PROGRAMS)

    assert result.success, problems(result)
    assert len(submitted(queue)) == 1
    assert job.startswith("prox-town-")
    inferred = inferred_from(town, "doc_programs")
    assert inferred == {"part-0": (0, 100), "part-1": (0, 101)}, "by the one job, from its first document on"
    runs = {row["run_id"] for row in town.lake.rows(CORPUS, Table.CHUNK_PROGRAMS, "part-1")}
    assert runs.isdisjoint({result.run_id}), "the job tells the run that started it"
    assert nothing_is_left(town.lake)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"partition": "missing"}, "sbatch failed: sbatch: error: Batch job submission failed: Invalid partition"),
        ({"restarts": 0, "command": ["false"]}, "ended before it was through with part-0"),
    ],
)
def test_a_job_that_cannot_run_fails_the_step_with_the_reason(
    tmp_path: Path, queue: Path, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, object], said: str
) -> None:
    raw = write_raw(tmp_path, shards=1, pages=3)
    logs = str(tmp_path / "logs")
    town = town_over(raw, tmp_path / "lake", {"raw_shards": cluster("slurm", log_folder=logs, **settings)})
    without_retry_delays(monkeypatch)
    result = town.run("raw_shards", shard="part-0")
    assert not result.success
    assert said in problems(result)


def test_without_slurm_the_step_says_what_is_missing_and_is_not_retried(tmp_path: Path) -> None:
    raw = write_raw(tmp_path, shards=1, pages=3)
    town = town_over(raw, tmp_path / "lake", {"raw_shards": cluster("slurm")})
    result = town.run("raw_shards", shard="part-0")
    assert not result.success
    assert "placement slurm needs sbatch, squeue, scancel on the PATH" in problems(result)
    assert not any(event.is_step_up_for_retry for event in result.all_events)


def test_a_script_asks_for_what_the_placement_says() -> None:
    placement = SlurmPlacement(
        kind="slurm",
        cpus=7.5,
        memory="48Gi",
        time_minutes=90,
        partition="gpu",
        constraint="h200",
        setup=["module load cuda"],
        options={"qos": "low", "exclusive": None},
        log_folder="/shared/logs",
        command=["/shared/venv/bin/prox"],
    )
    job = Job("prox-town-1", 3, 2, {"PROX_LAKE": "s3://a bucket", "QUOTED": "it's"}, placement)
    written = script(job, placement)
    head = [line.removeprefix("#SBATCH ") for line in written.splitlines() if line.startswith("#SBATCH")]
    assert head == [
        "--job-name=prox-town-1",
        "--ntasks=1",
        "--array=0-2",
        "--cpus-per-task=8",
        "--gpus=2",
        "--mem=49152M",
        "--time=90",
        "--partition=gpu",
        "--constraint=h200",
        "--requeue",
        "--open-mode=append",
        "--output=/shared/logs/%x-%A-%a.out",
        "--qos=low",
        "--exclusive",
    ]
    shown = written.replace("exec srun --ntasks=1 --cpus-per-task=8 /shared/venv/bin/prox stage", "env")
    assert shown != written
    shown = shown.replace("module load cuda\n", "")
    variables = {"SLURM_ARRAY_TASK_ID": "2", "PATH": os.environ["PATH"]}
    ran = subprocess.run(["bash"], input=shown, env=variables, capture_output=True, text=True, check=True)
    assert {"PROX_LAKE=s3://a bucket", "QUOTED=it's", "PROX_TASK=2"} <= set(ran.stdout.splitlines())
