"""A step must not outlive its run.

A run worker killed with -9 leaves its step process running, and the step's pool slot taken (measured with the
multiprocess executor): the orphan would go on writing while the retried run begins.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_run_worker() -> None:
    """Ask the kernel to kill this step process when its run worker is gone; does nothing but on Linux.

    Where the run worker executes steps itself, its parent is the code server: runs survive that one's restarts by
    design, and are left alone.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    if _is_code_server(parent):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


def _is_code_server(pid: int) -> bool:
    """Code servers are started as `dagster api grpc` or `dagster code-server start`."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"grpc" in arguments or b"code-server" in arguments
