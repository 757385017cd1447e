"""Ends a step process together with its run worker.

When a run worker is killed with -9, its step process keeps running and holds the step's pool slot (measured with the
multiprocess executor). The orphan would go on writing while the retried run begins.
"""

import os
from pathlib import Path

from prox_assets.machine.parents import end_with_parent


def die_with_run_worker() -> None:
    """Ask the kernel to kill this step process when its run worker dies; works on Linux only.

    A run worker that executes its steps itself is a child of the code server, whose restarts runs have to survive: then
    the kernel is not asked.
    """
    parent = os.getppid()
    if not _is_code_server(parent):
        end_with_parent(parent)


def _is_code_server(pid: int) -> bool:
    """Recognize a code server by its command: `dagster api grpc` or `dagster code-server start`."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"grpc" in arguments or b"code-server" in arguments
