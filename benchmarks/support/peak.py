"""Peak memory of the current process."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Return the peak resident size of this process since exec.

    A child's `ru_maxrss` starts at the size of its parent, even after exec. VmHWM belongs to the address space, which
    exec replaces (proc(5)), but exists on Linux only.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
