"""Processes that end together with the process that has started them."""

import ctypes
import os
import signal
import sys

WITH_PARENT_VARIABLE = "PROX_END_WITH_PARENT"
"""Set in the environment of `prox stage` by a launcher whose jobs are killed by killing their first process alone."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; works on Linux only.

    Args:
        parent: The parent's id, as it was when the caller decided.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
