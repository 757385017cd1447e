"""Steps as jobs of a real Ray cluster: a head and two nodes on this machine, with a logical GPU each."""

from pathlib import Path
from typing import Any

import pytest

from prox_assets.machine.devices import find_devices
from prox_assets.machine.leases import holders
from prox_assets.testing.clusters.ray_cluster import ray_cluster
from prox_assets.testing.clusters.stage_processes import MARK, stages_of
from prox_assets.testing.dagster_deployment import wait_for
from prox_assets_tests.orchestration.launchers.placed import (
    SLOW,
    STEPS,
    cluster,
    disturbed,
    inferred_from,
    local_rows,
    nothing_is_left,
    problems,
    rows,
    run_step,
    town_over,
    windows,
    write_raw,
)

pytestmark = [pytest.mark.trial, pytest.mark.local_lake]


def held_devices() -> dict[str, int]:
    return {device.name: holder.pid for device, holder in holders(find_devices()).items() if holder is not None}


@pytest.mark.timeout(600)
def test_shards_run_at_once_on_a_device_each_and_a_killed_job_and_a_killed_node_cost_no_row(
    tmp_path: Path, two_devices: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    lake, raw = tmp_path / "lake", write_raw(tmp_path, shards=2, pages=200)
    model = {"level": "doc", "model": str(tiny_llama), "prompt_format": "llama2-chat", "probe": False}
    # Batches of one: what shares a batch depends on time, and changes the last bits.
    engine: dict[str, Any] = {"kind": "transformers", "threads": 1, "batch_size": 1}
    refined = {"refiners": {"name": "tiny", "doc": {"name": "tiny-doc", "dtype": "float32", **model}}, **SLOW}
    environment = {MARK: str(lake), "PROX_DEVICES": "2", "PROX_DEVICE_LOCKS": str(two_devices)}
    with ray_cluster() as nodes:
        placement = cluster("ray", address=nodes.address, gpus=1, shards_per_job=1, environment=environment)
        town = town_over(raw, lake, {"programs": placement}, engine=engine, **refined)
        assert run_step(town, "raw_shards").success

        def kill_a_job_and_the_node_of_the_other() -> None:
            jobs = wait_for(lambda: len(found := stages_of(lake)) == 2 and found, 120, "two jobs", every=0.05)
            devices = {job.environ()["CUDA_VISIBLE_DEVICES"]: job for job in jobs}
            running = {f"part-{job.environ()['PROX_TASK']}": job for job in jobs}
            while running:
                # A job that is ahead waits, so that each is killed at work.
                [shard] = wait_for(
                    lambda: [each for each in running if windows(lake, each) >= 3][:1], 120, "windows", 0
                )
                running.pop(shard).suspend()
            assert held_devices() == {device: job.pid for device, job in devices.items()}
            assert set(devices) == {"0", "1"}
            devices["0"].kill()
            nodes.kill_raylet(1)

        result = disturbed(town, kill_a_job_and_the_node_of_the_other, after_windows=0)
        wait_for(lambda: not stages_of(lake), 30, "the job of the killed node to end with it")

    assert result.success, problems(result)
    inferred = inferred_from(town, "doc_programs")
    assert {key: sum(counts) for key, counts in inferred.items()} == {"part-0": 200, "part-1": 201}
    assert all(resumed >= 3 for resumed, _ in inferred.values())
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local", engine={**engine, "device": "cpu"}, **refined)
    assert nothing_is_left(town.lake)
