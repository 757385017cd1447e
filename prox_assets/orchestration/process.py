"""Ends a step process together with its run worker.

When a run worker is killed with -9, its step process keeps running and holds the step's pool slot (measured with the
multiprocess executor). The orphan would go on writing while the retried run begins.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_run_worker() -> None:
    """Ask the kernel to kill this step process when its run worker dies; works on Linux only.

    A run worker that executes its steps itself is a child of the code server, whose restarts runs have to survive: then
    the kernel is not asked.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    if _is_code_server(parent):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the run worker died before the call
        os.kill(os.getpid(), signal.SIGKILL)


def _is_code_server(pid: int) -> bool:
    """Recognize a code server by its command: `dagster api grpc` or `dagster code-server start`."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"grpc" in arguments or b"code-server" in arguments
