"""Running commands of this project as a user does: as processes of their own, with what they cost."""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic


class CommandFailedError(RuntimeError):
    """A command ended with another exit code than 0."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: processor seconds of it and the children it waited for, and wall seconds."""

    cpu_seconds: float
    wall_seconds: float


def prox(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run the `prox` command of this environment; see `run`."""
    return run([Path(sys.executable).with_name("prox"), *arguments], environment)


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command; its progress shows on the terminal, its output only where it fails.

    Raises:
        CommandFailedError: It failed.
    """
    before, started = _cpu_seconds(), monotonic()
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True, check=False
    )
    cost = Cost(_cpu_seconds() - before, monotonic() - started)
    if done.returncode:
        raise CommandFailedError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return cost


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
