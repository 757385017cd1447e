"""Identifies this machine, tells whether one of its processes is still alive, and which folders other machines share.

Process ids are meaningful only on the machine that recorded them.
"""

import os
import re
import socket
from pathlib import Path

# File systems on which another machine may write, and on which this one may look at what it saw a while ago.
_NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ceph|lustre|gpfs|beegfs|afs|ocfs2|gfs2|9p|virtiofs|fuse\.(?!fuse-overlayfs|lxcfs|snapfuse).+"
)


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


def is_on_network(path: str, mounts: str | None = None) -> bool:
    """Tell whether a folder lies on a network file system, which other machines may share.

    Args:
        path: The folder, with links resolved; it need not exist.
        mounts: Contents of /proc/self/mountinfo, by default this process's own; without one, no folder is shared.
    """
    best, kind = "", ""
    for line in (_read("/proc/self/mountinfo") if mounts is None else mounts).splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4].encode().decode("unicode_escape")  # a space is written \040
        if f"{path}/".startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, rest.split()[0]
    return _NETWORK_FILE_SYSTEMS.fullmatch(kind) is not None


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
