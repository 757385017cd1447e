"""Run this project's commands as subprocesses, the way a user does, and measure their cost."""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

# The code of this checkout, whatever is installed.
PROX = (sys.executable, "-c", "from prox_assets.cli import main; main()")


class CommandFailedError(RuntimeError):
    """A command exited with a code other than 0."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command cost: CPU seconds including children it waited for, and wall seconds."""

    cpu_seconds: float
    wall_seconds: float


def prox(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run `prox` with some arguments; see `run`."""
    return run([*PROX, *arguments], environment)


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command. Its progress shows on the terminal; its output is shown only if it fails.

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
