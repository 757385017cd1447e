"""Which devices a process finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prox_assets.engines.config import ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.devices import devices_of
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import EngineStartError
from prox_assets.machine.devices import Device, DeviceError, find_devices, look_for_devices

# What nvidia-ml-py 12.570 offers, over two devices that are not there.
PYNVML = """
class NVMLError(Exception): pass
class Memory: total = 80 << 30
def nvmlInit(): pass
def nvmlShutdown(): pass
def nvmlDeviceGetCount(): return 2
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetUUID(handle): return f"GPU-{'ab'[handle]}1234"
def nvmlDeviceGetName(handle): return "NVIDIA H100 80GB HBM3"
def nvmlDeviceGetMemoryInfo(handle): return Memory
"""
FIND = (
    "import sys; from prox_assets.machine.devices import find_devices;"
    "print([(d.name, d.identity, d.memory_bytes >> 30) for d in find_devices()], 'torch' in sys.modules)"
)


def names() -> list[str]:
    return [device.name for device in find_devices()]


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["0", "1", "2"]),
        ("2,0", ["2", "0"]),
        (" 1 , 2 ", ["1", "2"]),
        ("", []),
        (" ", []),
        ("-1", []),
        ("1,7,0", ["1"]),
        ("1,1,0", ["1"]),
    ],
)
def test_declared_devices_are_found_unless_hidden(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, found: list[str]
) -> None:
    monkeypatch.setenv("PROX_DEVICES", "3")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert names() == found


@pytest.mark.parametrize(
    ("job", "visible", "told"),
    [
        ({}, None, ""),
        ({}, "1", "CUDA_VISIBLE_DEVICES is 1: this process counts and leases 1 of 3"),
        (
            {"SLURM_JOB_ID": "17"},
            "2,0",
            "CUDA_VISIBLE_DEVICES is 2,0 in job 17 of Slurm: this process counts and leases 2 of 3",
        ),
        (
            {
                "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"metadata": {"job_submission_id": "prox-a-0"}}',
                "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            },
            "",
            "CUDA_VISIBLE_DEVICES is empty in job prox-a-0 of Ray: this process counts and leases none of 3",
        ),
        (
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            "7",
            "CUDA_VISIBLE_DEVICES is 7 in a pod of Kubernetes: this process counts and leases none of 3",
        ),
    ],
)
def test_a_job_is_told_what_its_launcher_leaves_it(
    monkeypatch: pytest.MonkeyPatch, job: dict[str, str], visible: str | None, told: str
) -> None:
    monkeypatch.setenv("PROX_DEVICES", "3")
    for name in ("SLURM_JOB_ID", "RAY_JOB_CONFIG_JSON_ENV_VAR", "KUBERNETES_SERVICE_HOST", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in job.items() | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}).items():
        monkeypatch.setenv(name, value)
    assert look_for_devices().restriction() == told


def test_a_part_of_a_gpu_is_leased_by_the_name_that_its_launcher_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROX_DEVICES", "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-ab12/1/0")
    assert find_devices() == (Device("MIG-GPU-ab12/1/0", "MIG-GPU-ab12_1_0", "MIG"),)


def test_a_declaration_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROX_DEVICES", "both")
    with pytest.raises(DeviceError, match="PROX_DEVICES is a number of devices, such as 2; it is 'both'"):
        find_devices()


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, [("0", "GPU-a1234", 80), ("1", "GPU-b1234", 80)]),
        ("1", [("1", "GPU-b1234", 80)]),
        ("GPU-b1", [("1", "GPU-b1234", 80)]),
        ("", []),
    ],
)
def test_nvml_finds_devices_by_uuid_and_torch_stays_out(
    tmp_path: Path, visible: str | None, found: list[tuple[str, str, int]]
) -> None:
    (tmp_path / "pynvml.py").write_text(PYNVML)
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    environment |= {"PYTHONPATH": os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))}
    environment |= {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    done = subprocess.run([sys.executable, "-c", FIND], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{found} False\n"


@pytest.mark.usefixtures("two_devices")
@pytest.mark.parametrize(
    ("engine", "count"),
    [
        (TransformersEngineConfig(), 1),
        (TransformersEngineConfig(device="cpu"), 0),
        (TransformersEngineConfig(device="cpu", gpus=1), 1),
        (VllmEngineConfig(), 1),
        (VllmEngineConfig(tensor_parallel_size=2), 2),
        (VllmEngineConfig(tensor_parallel_size=2, extra={"pipeline_parallel_size": 2}), 4),
        (VllmEngineConfig(gpus=0), 0),
        (ServerEngineConfig(base_url="http://host:8000"), 0),
    ],
)
def test_an_engine_asks_for_the_devices_that_its_model_is_spread_over(
    engine: TransformersEngineConfig | VllmEngineConfig | ServerEngineConfig, count: int
) -> None:
    assert devices_of(engine) == count


def test_an_engine_without_devices_leases_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROX_DEVICES", "0")
    assert devices_of(VllmEngineConfig()) == devices_of(TransformersEngineConfig()) == 0


@pytest.mark.usefixtures("two_devices")
def test_an_engine_that_asks_for_more_than_there_is_does_not_start(tiny_llama: Path) -> None:
    with pytest.raises(EngineStartError, match="3 devices are needed, and this machine has 2"):
        open_engine(TransformersEngineConfig(gpus=3), str(tiny_llama))
