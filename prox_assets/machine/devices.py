"""The devices of this machine that a model can run on, found without importing torch.

The parent process never touches CUDA: what it has seen once, it sees for ever, and so do the processes that it forks.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DECLARED_VARIABLE = "PROX_DEVICES"
"""Number of logical devices that this machine counts as having, whatever is built in."""

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"

# NVIDIA's own device files, those of WSL, and AMD's. Without any of them there is no GPU, and torch need not be asked.
_DEVICE_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
_COUNT_WITH_TORCH = "import torch; print(torch.cuda.device_count())"
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


def find_devices() -> tuple[Device, ...]:
    """Return the devices that this process may use: those declared or built in, without those hidden from it.

    NVML finds built-in devices if nvidia-ml-py is installed, else torch does, in a process of its own.

    Raises:
        DeviceError: The declaration is no number, or torch cannot say how many devices there are.
    """
    declared = declared_devices()
    visible = os.environ.get(VISIBLE_VARIABLE)
    if declared is not None:
        return _visible([Device(str(number), f"declared-{number}") for number in range(declared)], visible)
    by_nvml = _by_nvml()
    return _visible(by_nvml, visible) if by_nvml else _by_torch(visible)


def environment_of(devices: tuple[Device, ...]) -> Mapping[str, str]:
    """Return the variables with which a process sees these devices and no others."""
    return {
        VISIBLE_VARIABLE: ",".join(device.name for device in devices),
        # NVML counts along the PCI bus; CUDA's own order puts the fastest device first.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }


def _visible(devices: list[Device], visible: str | None) -> tuple[Device, ...]:
    """Return the devices that CUDA_VISIBLE_DEVICES names, in its order; CUDA stops reading at the first wrong name."""
    if visible is None:
        return tuple(devices)
    named: list[Device] = []
    for name in filter(None, map(str.strip, visible.split(","))):
        found = [device for device in devices if device.name == name or _is_prefix(name, device.identity)]
        if not found:
            break
        named.append(found[0])
    return tuple(named)


def _is_prefix(name: str, identity: str) -> bool:
    """Tell whether a name is the beginning of a UUID, which CUDA accepts for the whole."""
    return name.startswith("GPU-") and identity.startswith(name)


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
    """Return the devices that torch counts in a process of its own; it heeds CUDA_VISIBLE_DEVICES itself."""
    try:
        built_for_processors = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return ()
    if built_for_processors or not any(Path(file).exists() for file in _DEVICE_FILES):
        return ()
    command = [sys.executable, "-c", _COUNT_WITH_TORCH]
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    try:
        said = subprocess.run(  # noqa: S603 (the command above)
            command, env={**os.environ, **order}, capture_output=True, text=True, timeout=_TORCH_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DeviceError(
            f"torch could not say how many devices there are ({error}). Install nvidia-ml-py, or declare the number in "
            f"{DECLARED_VARIABLE}."
        ) from error
    count = int(said.stdout.split()[-1])
    names = visible.split(",") if visible else map(str, range(count))
    return tuple(Device(name.strip(), name.strip(), "GPU") for name, _ in zip(names, range(count), strict=False))
