"""A step must not outlive its run.

A run worker killed with -9 leaves its step process running, and the step's pool slot taken (measured with the
multiprocess executor): the orphan would go on writing while the retried run begins.
"""

import ctypes
import multiprocessing
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Ask the kernel to kill this step process when its run worker is gone; does nothing but on Linux.

    Only a process started through multiprocessing is a step process. One that runs steps itself was started by a
    thread of the code server, and the signal would come when that thread ends.
    """
    if sys.platform != "linux" or multiprocessing.parent_process() is None:
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
