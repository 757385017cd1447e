"""Identifies this machine and tells whether one of its processes is still alive.

Process ids are meaningful only on the machine that recorded them.
"""

import os
import socket
from pathlib import Path


def machine_name() -> str:
    """Name this machine and its process id namespace, the scope in which a process id is meaningful."""
    return "/".join((socket.gethostname(), _read("/etc/machine-id"), _process_namespace()))


def boot_name() -> str:
    """Name this machine since its last boot: a reboot makes older process ids meaningless."""
    return f"{machine_name()}/{_read('/proc/sys/kernel/random/boot_id')}"


def process_is_gone(pid: int) -> bool:
    """Tell whether a process of this machine has ended; a zombie counts as ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state == "Z"


def _process_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    """Return a small system file's text; "" on systems without it."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
