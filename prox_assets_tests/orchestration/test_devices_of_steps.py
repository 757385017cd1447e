"""A step gets a device of its own, or waits for it and says for whom."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import psutil
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.machine.devices import find_devices
from prox_assets.machine.leases import holders
from prox_assets.orchestration.instance import prepare_instance
from prox_assets.testing.dagster_deployment import wait_for
from prox_assets_tests.declared_devices import holding
from prox_assets_tests.infra.deployment_files import PROJECT_ROOT
from prox_assets_tests.orchestration.conftest import Town
from prox_assets_tests.stages.shard_runs import write_pages

# A process of its own: a lease lasts as long as its process.
RUN = "import sys; from prox_assets_tests.orchestration.test_devices_of_steps import run; run(*sys.argv[1:])"
# Says that the instance stands: opened by two processes while its tables are made, SQLite's versions get mixed up.
BEGUN = "begun"


def run(folder: str, attributes: str) -> None:
    """Read and infer the one shard of a corpus, on an instance in the folder."""
    with prepare_instance(Path(folder, "home"), PROJECT_ROOT / "dagster.yaml") as instance:
        town = Town(Path(folder, "raw"), Lake(f"{folder}/lake"), instance, json.loads(attributes))
        [shard] = town.discover()
        assert town.run("raw_shards", shard=shard).success
        Path(folder, BEGUN).touch()
        assert town.run("doc_programs", shard=shard).success


def messages(folder: Path) -> list[str]:
    """Return the log of the run of doc_programs, the later one; nothing before it has begun."""
    if not (folder / BEGUN).exists():
        return []
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        runs = instance.get_runs()
        return [entry.message for entry in instance.all_logs(runs[0].run_id)] if len(runs) == 2 else []


def prompt_process_of(step: int) -> psutil.Process | None:
    """Return the child that builds prompts: unlike the step's own, its environment can be read from outside."""
    children = psutil.Process(step).children()
    return next((child for child in children if any("prompts.processes" in word for word in child.cmdline())), None)


@pytest.mark.local_lake
def test_a_step_waits_for_a_device_says_for_whom_and_sees_only_the_one_that_it_gets(
    tmp_path: Path, two_devices: Path, tiny_llama: Path
) -> None:
    write_pages(tmp_path / "raw" / "part-0.jsonl", [f"Page {number} tells of boats and tides." for number in range(40)])
    model = {"level": "doc", "model": str(tiny_llama), "prompt_format": "llama2-chat", "probe": False}
    attributes = {
        "refiners": {"name": "tiny", "doc": {"name": "tiny-doc", "dtype": "float32", **model}},
        "engine": {"kind": "transformers", "threads": 1, "batch_size": 1, "look_ahead": 1, "prompt_processes": 1},
        "window_documents": 1,
    }
    with holding(1) as one, holding(1) as other:
        seen = {process.pid: process.sees() for process in (one, other)}
        step = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), json.dumps(attributes)])
        try:

            def waits() -> list[str]:
                assert step.poll() is None
                return [text for text in messages(tmp_path) if "waits for a device" in text]

            [told] = wait_for(waits, 120, "the step to wait")
            assert f"process {one.pid} (" in told
            assert f"process {other.pid} (" in told

            other.ends()
            [device] = seen[other.pid]
            prompts = wait_for(lambda: prompt_process_of(step.pid), 120, "its prompt process", every=0.05)
            assert prompts.environ()["CUDA_VISIBLE_DEVICES"] == device
            [holder] = [h for d, h in holders(find_devices()).items() if h is not None and d.name == device]
            assert holder.pid == step.pid
            assert holder.command.startswith("Dagster run ")
            assert step.wait(timeout=120) == 0
        finally:
            step.kill()
        assert [text for text in messages(tmp_path) if text.startswith("leased")] == [
            f"leased 1 of 2 devices: {device} (declared)"
        ]
        assert [d.name for d, h in holders(find_devices()).items() if h is None] == [device]
