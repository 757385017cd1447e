"""`prox machine`, and `prox refine --gpus` on it."""

import os
from pathlib import Path

import pytest
import yaml

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.machine.capacity import capacity
from prox_assets.orchestration.instance import prepare_instance
from prox_assets_tests.cli.command_line import one_line, prox
from prox_assets_tests.declared_devices import holding
from prox_assets_tests.infra.deployment_files import PROJECT_ROOT
from prox_assets_tests.stages.shard_runs import write_pages


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for number in range(2):
        write_pages(tmp_path / "raw" / f"part-{number}.jsonl", [f"Home\nPage {number} tells of boats and tides."])
    return tmp_path / "raw"


@pytest.fixture
def tiny(tmp_path: Path, tiny_llama: Path) -> Path:
    model = {"level": "doc", "model": str(tiny_llama), "prompt_format": "llama2-chat", "probe": False}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({"doc": {"name": "tiny-doc", "dtype": "float32", **model}}))
    return path


@pytest.mark.usefixtures("two_devices")
def test_the_command_says_who_holds_what_and_how_many_of_what_run_here() -> None:
    with holding(1) as process:
        process.sees()
        output = one_line(prox("machine"))
    assert f"process {process.pid}" in output
    assert "free" in output
    assert "pools: gpu 2, cpu_model 1, cpu " in output
    assert f"cores: {capacity().cores}" in output


@pytest.mark.usefixtures("two_devices")
def test_in_a_job_only_its_devices_count(monkeypatch: pytest.MonkeyPatch, pages: Path, tiny: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with holding(1) as process:
        assert process.sees() == {"1"}
        output = one_line(prox("machine"))
    assert "pools: gpu 1, " in output
    assert f"process {process.pid}" in output
    assert "free" not in output
    assert "CUDA_VISIBLE_DEVICES is 1 in job 17 of Slurm: this process counts and leases 1 of 2" in output
    message = one_line(prox("refine", pages, "--refiner", tiny, "--gpus", "2", expected=1))
    assert "error: --gpus 2: this process may use 1 (`prox machine`)" in message

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    output = one_line(prox("machine"))
    assert "devices: none" in output
    assert "CUDA_VISIBLE_DEVICES is empty in job 17 of Slurm: this process counts and leases none of 2" in output


def test_a_machine_without_devices_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROX_DEVICES", "0")
    assert "devices: none" in prox("machine")


def test_dagsters_pools_and_all_workers_are_what_the_command_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROX_DEVICES", "3")
    monkeypatch.setenv("PROX_WORKERS", "5")
    monkeypatch.setenv("DAGSTER_HOME", os.environ.get("DAGSTER_HOME", ""))  # prepare_instance sets it
    with prepare_instance(tmp_path / "home", PROJECT_ROOT / "dagster.yaml") as instance:
        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    assert limits == {"gpu": 3, "cpu_model": 1, "cpu": 5}
    assert "pools: gpu 3, cpu_model 1, cpu 5" in prox("machine")


@pytest.mark.usefixtures("two_devices")
def test_all_devices_refine_shards_at_a_time(tmp_path: Path, pages: Path, tiny: Path) -> None:
    lake = tmp_path / "lake"
    prox("refine", pages, "--lake", lake, "--corpus", "web", "--refiner", tiny, "--gpus", "all")
    assert Lake(str(lake)).shards("web", Table.SHARD_METRICS) == ["part-0.jsonl", "part-1.jsonl"]


@pytest.mark.usefixtures("two_devices")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpus", "3"), "error: --gpus 3: this process may use 2"),
        (("--gpus", "1", "--engine-option", "gpus=2"), "error: --gpus 1: an engine of tiny takes 2 devices"),
        (("--gpus", "all", "--engine-option", "device=cpu"), "error: --gpus: the engines of tiny use no device"),
        (("--workers", "all"), "error: --workers is for refiners without a model"),
        (("--gpus", "all", "--refiner", "rules"), "error: --gpus is for refiners with a model; rules has none"),
    ],
)
def test_devices_that_cannot_be_had_are_told(
    tmp_path: Path, pages: Path, tiny: Path, options: tuple[str, ...], message: str
) -> None:
    refiner = () if "--refiner" in options else ("--refiner", tiny)
    assert message in one_line(prox("refine", pages, "--lake", tmp_path / "lake", *refiner, *options, expected=1))


@pytest.mark.parametrize("value", ["0", "-1", "some"])
def test_a_number_of_devices_is_a_number_or_all(pages: Path, value: str) -> None:
    assert f"'{value}' is neither a number" in one_line(prox("refine", pages, "--gpus", value, expected=2))
