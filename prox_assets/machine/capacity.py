"""How many of what this machine runs at a time: the one place that `prox refine` and Dagster's pools go by."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prox_assets.machine.devices import DeviceError, Devices, look_for_devices

WORKERS_VARIABLE = "PROX_WORKERS"
"""Number of worker processes, in place of what cores and memory suggest."""

# A worker peaks at about 500 MB (docs/speed.md, Memory); the rest is room for larger pages.
WORKER_BYTES = 1 << 30

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Capacity:
    """What a machine has, and how many of what that makes.

    Attributes:
        cores: Cores that this process may use.
        memory_bytes: Memory that it may use.
        devices: Devices that it may use, and what is hidden from it.
        workers: Processes that read, execute and measure shards, or run a refiner without a model: one core each.
    """

    cores: int
    memory_bytes: int
    devices: Devices
    workers: int

    @property
    def pools(self) -> Mapping[str, int]:
        """Limits of Dagster's pools: engines on devices, engines on processors, and everything else.

        An engine on processors uses all cores, so there is one at a time. Without devices, `gpu` is for servers
        elsewhere.
        """
        return {"gpu": max(1, len(self.devices.usable)), "cpu_model": 1, "cpu": self.workers}


def capacity() -> Capacity:
    """Look at this machine.

    Raises:
        DeviceError: An environment variable that declares a number holds none, or torch cannot list the devices.
    """
    cores, memory = usable_cores(), usable_memory()
    return Capacity(
        cores, memory, look_for_devices(), _declared_workers() or max(1, min(cores, memory // WORKER_BYTES))
    )


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity, or a container's quota if that is less."""
    cores = len(os.sched_getaffinity(0))
    quota = _read(_CGROUP / "cpu.max").split()
    if len(quota) == 2 and quota[0].isdecimal():
        return max(1, min(cores, int(quota[0]) // int(quota[1])))
    return cores


def usable_memory() -> int:
    """Return how many bytes of memory this process may use: the machine's, or a container's limit if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read(_CGROUP / "memory.max")
    return min(total, int(limit)) if limit.isdecimal() else total


def _declared_workers() -> int | None:
    value = os.environ.get(WORKERS_VARIABLE, "").strip()
    if not value:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise DeviceError(f"{WORKERS_VARIABLE} is a number of processes, at least 1; it is {value!r}")
    return int(value)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
