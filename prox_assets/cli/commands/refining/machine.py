"""`prox machine`: what this machine has, who uses its devices, and how many of what run at a time."""

from rich import box
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, plain_errors, say
from prox_assets.machine.capacity import Capacity, capacity
from prox_assets.machine.leases import holders

_GIB = 1 << 30


@plain_errors()
def machine() -> None:
    """Say what this machine has, and how many of what run on it at a time.

    A device is leased by the process that runs a model on it. `prox refine --workers all` and `--gpus all`, and the
    limits that `make ui` gives to Dagster's pools, are these numbers. In a job of Slurm, Ray or Kubernetes, only the
    devices of the job count.
    """
    found = capacity()
    if found.devices.usable:
        console.print(_devices(found))
    else:
        say("devices: none; engines run on the processors")
    if restriction := found.devices.restriction():
        say(restriction)
    say(f"cores: {found.cores}")
    say(f"memory: {found.memory_bytes / _GIB:.1f} GiB")
    say(f"workers: {found.workers} (refiners without a model, one core each)")
    say("pools: " + ", ".join(f"{name} {limit}" for name, limit in found.pools.items()))


def _devices(found: Capacity) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("device", "model", "memory", "leased by", "command", "since"):
        table.add_column(name, overflow="fold")
    for device, holder in holders(found.devices.usable).items():
        memory = "-" if device.memory_bytes is None else f"{device.memory_bytes / _GIB:.0f} GiB"
        by = ("free", "", "") if holder is None else (f"process {holder.pid}", holder.command, holder.since)
        table.add_row(device.name, device.model, memory, *(Text(printable(cell)) for cell in by))
    return table
