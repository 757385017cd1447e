"""The devices of this machine that a model can run on, found without importing torch.

The parent process never touches CUDA: what it has seen once, it sees for ever, and so do the processes that it forks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DECLARED_VARIABLE = "PROX_DEVICES"
"""Number of logical devices that this machine counts as having, whatever is built in."""

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
"""Names of the devices that this process may use, in its launcher's order; empty: none."""

# Ray's description of a job, in the environment of what `ray job submit` starts.
_RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"

# NVIDIA's own device files, those of WSL, and AMD's. Without any of them there is no GPU, and torch need not be asked.
_DEVICE_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
_LIST_WITH_TORCH = """
import json, torch
devices = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
print(json.dumps([[str(getattr(each, "uuid", "")), each.name, each.total_memory] for each in devices]))
"""
_TORCH_SECONDS = 120


class DeviceError(Exception):
    """There are fewer devices than asked for, or they cannot be leased; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a model can run on.

    Attributes:
        name: What CUDA_VISIBLE_DEVICES takes: an index in the order of the PCI bus, or a UUID.
        identity: The same for every process of the machine, also for containers that number its devices otherwise.
        model: What it is, such as "NVIDIA H100 80GB HBM3".
        memory_bytes: Its memory; None if unknown.
    """

    name: str
    identity: str
    model: str = "declared"
    memory_bytes: int | None = None


def declared_devices() -> int | None:
    """Return how many logical devices the environment declares; None if it declares none.

    Raises:
        DeviceError: The variable holds no number.
    """
    value = os.environ.get(DECLARED_VARIABLE, "").strip()
    if not value:
        return None
    if not value.isdecimal():
        raise DeviceError(f"{DECLARED_VARIABLE} is a number of devices, such as 2; it is {value!r}")
    return int(value)


def devices_are_declared() -> bool:
    """Tell whether the environment declares that there are devices, in whatever number."""
    return os.environ.get(DECLARED_VARIABLE, "").strip() not in ("", "0")


@dataclass(frozen=True, slots=True)
class Devices:
    """What this process finds.

    Attributes:
        usable: The devices that it may use.
        hidden: How many others the machine, or the part of it that a container shows, has; None if unknown.
        visible: CUDA_VISIBLE_DEVICES; None if it is not set.
    """

    usable: tuple[Device, ...]
    hidden: int | None
    visible: str | None

    def restriction(self) -> str:
        """Say what CUDA_VISIBLE_DEVICES leaves of the machine; empty where it is not set."""
        if self.visible is None:
            return ""
        job = job_of_this_process()
        what = f"is {self.visible}" if self.visible.strip() else "is empty"
        of = "" if self.hidden is None else f" of {len(self.usable) + self.hidden}"
        return (
            f"{VISIBLE_VARIABLE} {what}{f' in {job}' if job else ''}: "
            f"this process counts and leases {len(self.usable) or 'none'}{of}"
        )


def find_devices() -> tuple[Device, ...]:
    """Return the devices that this process may use, as `look_for_devices` finds them.

    Raises:
        DeviceError: The declaration is not a number, or torch cannot say which devices there are.
    """
    return look_for_devices().usable


def look_for_devices() -> Devices:
    """Return the devices that this process may use: those declared or built in, without those hidden from it.

    In a job, the launcher has set CUDA_VISIBLE_DEVICES, and what it leaves out belongs to others. NVML finds built-in
    devices if nvidia-ml-py is installed, else torch does, in a process of its own.

    Raises:
        DeviceError: The declaration is not a number, or torch cannot say which devices there are.
    """
    declared = declared_devices()
    visible = os.environ.get(VISIBLE_VARIABLE)
    if declared is not None:
        return _visible([Device(str(number), f"declared-{number}") for number in range(declared)], visible)
    by_nvml = _by_nvml()
    return _visible(by_nvml, visible) if by_nvml else Devices(_by_torch(visible), None, visible)


def job_of_this_process() -> str:
    """Return what to call the job of Slurm, Ray or Kubernetes that this process runs in; empty outside of any."""
    if number := os.environ.get("SLURM_JOB_ID"):
        return f"job {number} of Slurm"
    if description := os.environ.get(_RAY_JOB):
        return f"job {json.loads(description).get('metadata', {}).get('job_submission_id', '')} of Ray"
    return "a pod of Kubernetes" if os.environ.get("KUBERNETES_SERVICE_HOST") else ""


def environment_of(devices: tuple[Device, ...]) -> Mapping[str, str]:
    """Return the variables with which a process sees these devices and no others."""
    return {
        VISIBLE_VARIABLE: ",".join(device.name for device in devices),
        # NVML counts along the PCI bus; CUDA's own order puts the fastest device first.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }


def _visible(devices: Sequence[Device], visible: str | None) -> Devices:
    """Choose the devices that CUDA_VISIBLE_DEVICES names, in its order; as CUDA does, stop at the first wrong name."""
    if visible is None:
        return Devices(tuple(devices), 0, None)
    named: list[Device] = []
    for name in _names(visible):
        found = _slice(name) or next((each for each in devices if each.name == name or _is_prefix(name, each)), None)
        if found is None or found in named:
            break
        named.append(found)
    return Devices(tuple(named), sum(device not in named for device in devices), visible)


def _names(visible: str) -> list[str]:
    return [name for name in map(str.strip, visible.split(",")) if name]


def _slice(name: str) -> Device | None:
    """Return the part of a GPU (MIG) that a launcher names; NVML lists whole ones only."""
    return Device(name, name.replace("/", "_"), "MIG") if name.startswith("MIG-") else None


def _is_prefix(name: str, device: Device) -> bool:
    """Tell whether a name is the beginning of a device's UUID, which CUDA accepts for the whole."""
    return name.startswith("GPU-") and device.identity.startswith(name)


@cache
def _by_nvml() -> list[Device]:
    try:
        import pynvml  # pyright: ignore[reportMissingImports] - of the extra `vllm`
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return [
            Device(
                str(number),
                str(pynvml.nvmlDeviceGetUUID(handle)),
                str(pynvml.nvmlDeviceGetName(handle)),
                int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
            )
            for number, handle in enumerate(handles)
        ]
    finally:
        pynvml.nvmlShutdown()


@cache
def _by_torch(visible: str | None) -> tuple[Device, ...]:
    """Return the devices that torch lists in a process of its own; it heeds CUDA_VISIBLE_DEVICES itself."""
    if visible is not None and not _names(visible):
        return ()
    try:
        built_for_processors = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return ()
    if built_for_processors or not any(Path(file).exists() for file in _DEVICE_FILES):
        return ()
    command = [sys.executable, "-c", _LIST_WITH_TORCH]
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    try:
        said = subprocess.run(  # noqa: S603 (the command above)
            command, env={**os.environ, **order}, capture_output=True, text=True, timeout=_TORCH_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DeviceError(
            f"torch could not say which devices there are ({error}). Install nvidia-ml-py, or declare the number in "
            f"{DECLARED_VARIABLE}."
        ) from error
    listed = json.loads(said.stdout.splitlines()[-1])
    names = _names(visible) if visible is not None else map(str, range(len(listed)))
    # NVML's identity, so that processes with and without nvidia-ml-py lock the same file.
    return tuple(
        _slice(name) or Device(name, f"GPU-{uuid}" if uuid else name, model, memory)
        for name, (uuid, model, memory) in zip(names, listed, strict=False)
    )
