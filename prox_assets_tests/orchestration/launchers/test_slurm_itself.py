"""Steps as jobs of a real Slurm, where there is one: PROX_SLURM_PARTITION names the partition to use.

infra/slurm.md says how to start Slurm on one machine. Other tests use stand-ins for its commands (test_slurm.py).
"""

import os
import subprocess
from pathlib import Path

import pytest

from prox_assets_tests.orchestration.launchers.placed import (
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
    write_raw,
)

PARTITION = os.environ.get("PROX_SLURM_PARTITION")
pytestmark = [
    pytest.mark.local_lake,
    pytest.mark.skipif(PARTITION is None, reason="needs Slurm: set PROX_SLURM_PARTITION"),
]


def jobs() -> list[str]:
    """Return the numbers of the jobs that Slurm knows of this user's."""
    command = ["squeue", "--me", "--noheader", "--format=%A %j"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split()[0] for line in told.splitlines() if line.split()[1].startswith("prox-town-")]


def test_a_corpus_has_the_rows_of_a_local_one(tmp_path: Path) -> None:
    raw = write_raw(tmp_path, shards=2, pages=3)
    placement = cluster(
        "slurm", partition=PARTITION, gpus=1, time_minutes=10, shards_per_job=1, log_folder=str(tmp_path)
    )
    town = town_over(raw, tmp_path / "lake", everywhere(placement))

    run_all(town)

    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
    assert nothing_is_left(town.lake)


def test_a_job_that_is_put_back_into_the_queue_goes_on_where_it_was(tmp_path: Path) -> None:
    raw = write_raw(tmp_path, shards=1, pages=100)
    town = town_over(
        raw, tmp_path / "lake", {"programs": cluster("slurm", partition=PARTITION, log_folder=str(tmp_path))}, **SLOW
    )
    assert run_step(town, "raw_shards").success

    def requeue() -> None:
        subprocess.run(["scontrol", "requeue", *jobs()], check=True)

    result = disturbed(town, requeue)

    assert result.success, problems(result)
    [(resumed, inferred)] = inferred_from(town, "doc_programs").values()
    assert resumed >= 3
    assert inferred == 100 - resumed
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
