"""A small private file system, visible only to the process that mounts it and gone when that process ends.

Uses a mount namespace in a user namespace, which Linux permits unless the administrator forbids it.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.refinements import ROOT


class MountError(RuntimeError):
    """This user may not mount on this machine."""


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs in a mount namespace.

    Attributes:
        holder: Id of the process that keeps the namespace alive.
        inside: The disk's path for processes in the namespace.
    """

    holder: int
    inside: Path

    @property
    def outside(self) -> Path:
        """The disk's path for other processes. Read from it as is: resolving it leads out of the namespace."""
        return Path(f"/proc/{self.holder}/root{self.inside}")

    @property
    def wrapper(self) -> tuple[str, ...]:
        """The command prefix that runs a command in the namespace."""
        return ("nsenter", f"--target={self.holder}", "--user", "--mount", "--preserve-credentials", f"--wd={ROOT}")

    def remount(self, options: str) -> None:
        """Change mount options, such as "size=1m" or "ro".

        Raises:
            MountError: Remounting failed.
        """
        command = [*self.wrapper, "mount", "-o", f"remount,{options}", str(self.inside)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MountError(f"cannot remount with {options}: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(inside: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a tmpfs of `size` bytes on a new folder until the block ends.

    Raises:
        MountError: It cannot be mounted; the message says why.
    """
    inside.mkdir(parents=True)
    script = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec cat'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(size), str(inside)]
    try:
        holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError as error:
        raise MountError("unshare (util-linux) is not installed") from error
    with holder:
        try:
            if holder.stdout is None or holder.stdout.readline() != "mounted\n":
                _, errors = holder.communicate()
                raise MountError(f"this user may not mount: {errors.strip()}")
            yield SmallDisk(holder.pid, inside)
        finally:
            holder.kill()


def may_not_mount(folder: Path) -> str | None:
    """Return why this user cannot mount; None if it can."""
    try:
        with small_disk(folder, 1 << 20) as disk:
            return None if os.path.ismount(disk.outside) or disk.outside.is_dir() else "the mount is not visible"
    except MountError as error:
        return str(error)
