"""The processes of jobs, found among all those of this machine."""

import contextlib
from pathlib import Path

import psutil

MARK = "PROX_TEST"
"""Variable in the environment of a placement by which the jobs over a lake are told from others: the lake's path."""


def stages_of(lake: Path) -> list[psutil.Process]:
    """Return the processes of jobs over a lake, whose placement has put MARK into their environment."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if command[-1:] == ["stage"] and "python" in command[0] and process.environ().get(MARK) == str(lake):
                found.append(process)
    return found
