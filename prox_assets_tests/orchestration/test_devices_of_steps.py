"""A step of a real deployment gets a device of its own, or waits for it and says for whom."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from prox_assets.machine.devices import find_devices
from prox_assets.machine.leases import holders
from prox_assets.testing.dagster_deployment import Deployment, running_deployment, wait_for
from prox_assets_tests.declared_devices import holding
from prox_assets_tests.stages.shard_runs import write_pages

CORPUS = "tides"


@pytest.fixture
def deployment(tmp_path: Path, two_devices: Path, tiny_llama: Path) -> Iterator[Deployment]:
    write_pages(tmp_path / "raw" / "part-0.jsonl", [f"Page {number} tells of boats and tides." for number in range(40)])
    model = {"level": "doc", "model": str(tiny_llama), "prompt_format": "llama2-chat", "probe": False}
    corpus = {
        "urls": [str(tmp_path / "raw")],
        "refiners": {"name": "tiny", "doc": {"name": "tiny-doc", "dtype": "float32", **model}},
        "engine": {"kind": "transformers", "threads": 1, "batch_size": 1, "look_ahead": 1, "prompt_processes": 1},
        "window_documents": 1,
    }
    with running_deployment(tmp_path, {CORPUS: corpus}) as running:
        yield running


def messages(deployment: Deployment, run: str) -> list[str]:
    with dg.DagsterInstance.from_config(str(deployment.home)) as instance:
        return [entry.message for entry in instance.all_logs(run)]


def prompt_process_of(step: int) -> psutil.Process | None:
    """Return the child that builds prompts: unlike the step's own, its environment can be read from outside."""
    children = psutil.Process(step).children()
    return next((child for child in children if any("prompts.processes" in word for word in child.cmdline())), None)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_step_waits_for_a_device_says_for_whom_and_sees_only_the_one_that_it_gets(deployment: Deployment) -> None:
    [shard] = deployment.discover(CORPUS)
    with holding(1) as one, holding(1) as other:
        seen = {process.pid: process.sees() for process in (one, other)}
        deployment.launch_backfill(CORPUS, ["raw_shards", "doc_programs"], [shard])

        def waits() -> list[str]:
            runs = [run["runId"] for run in deployment.runs()]
            return [run for run in runs if any("waits for a device" in text for text in messages(deployment, run))]

        [run] = wait_for(waits, 240, "the step to wait")
        [told] = [text for text in messages(deployment, run) if "waits for a device" in text]
        assert f"process {one.pid} (" in told
        assert f"process {other.pid} (" in told

        other.ends()
        [device] = seen[other.pid]
        [step] = wait_for(
            lambda: [h.pid for d, h in holders(find_devices()).items() if h is not None and d.name == device], 120, "it"
        )
        prompts = wait_for(lambda: prompt_process_of(step), 120, "its prompt process", every=0.05)
        assert prompts.environ()["CUDA_VISIBLE_DEVICES"] == device
        assert {str(h) for h in holders(find_devices()).values() if h is not None and f"Dagster run {run}" in str(h)}
        wait_for(lambda: deployment.run_status(run) == "SUCCESS", 240, "the run")
        assert [text for text in messages(deployment, run) if text.startswith("leased")] == [
            f"leased 1 of 2 devices: {device} (declared)"
        ]
        assert [d.name for d, h in holders(find_devices()).items() if h is None] == [device]
