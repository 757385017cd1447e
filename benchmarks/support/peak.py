"""The largest resident size of a process, asked from inside."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Return the largest resident size of this process since it was executed.

    `ru_maxrss` of a child begins at the size of the process that forked it, also after exec; VmHWM belongs to the
    address space, which exec makes anew (proc(5)). Elsewhere than on Linux there is only the former.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
