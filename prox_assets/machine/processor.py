"""What the accounts call the device that something ran on."""

import os
import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prox_assets.machine.capacity import usable_cores
from prox_assets.machine.devices import find_devices

_CPU_INFO = Path("/proc/cpuinfo")
_THREADS = re.compile(r", (\d+) threads?$")


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """What something ran on.

    Attributes:
        name: Such as "NVIDIA H100 80GB HBM3", or "AMD EPYC 9V74 80-Core Processor, 2 threads".
        count: How many of them; all threads of a machine are one.
    """

    name: str
    count: int = 1


def processor(threads: int | None = None) -> DeviceUse:
    """Return this machine's processor.

    Args:
        threads: Threads that are used; if None, what OMP_NUM_THREADS says, else every core that this process may use.
    """
    set_elsewhere = os.environ.get("OMP_NUM_THREADS", "")
    used = threads or (int(set_elsewhere) if set_elsewhere.isdecimal() else usable_cores())
    return DeviceUse(f"{_model()}, {used} {'thread' if used == 1 else 'threads'}")


def threads_of(device: str) -> int | None:
    """Return how many threads the name of a processor says that were used; None for the name of another device."""
    found = _THREADS.search(device)
    return int(found[1]) if found else None


def devices(count: int) -> DeviceUse:
    """Return so many of this machine's devices.

    Raises:
        DeviceError: The devices cannot be listed.
    """
    found = find_devices()
    return DeviceUse(found[0].model if found else "device", count)


@cache
def _model() -> str:
    """Return the processor's name: Linux knows it, and elsewhere its architecture has to do."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine() or "processor")
