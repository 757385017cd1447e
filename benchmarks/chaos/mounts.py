"""A small private file system: visible only to the process that mounts it, and gone when that process ends.

It uses a user namespace with a mount namespace inside, which Linux allows unless the administrator forbids it.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.refinements import ROOT


class MountError(RuntimeError):
    """This machine does not let this user mount."""


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs in a mount namespace.

    Attributes:
        holder: Process id of the namespace's holder.
        inside: Where the disk is for processes in the namespace.
    """

    holder: int
    inside: Path

    @property
    def outside(self) -> Path:
        """Where the disk is for everybody else: as a path to read from, since resolving it leads out again."""
        return Path(f"/proc/{self.holder}/root{self.inside}")

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What to put before a command so that it runs in the namespace."""
        return (
            "nsenter",
            f"--target={self.holder}",
            "--user",
            "--mount",
            "--preserve-credentials",
            f"--wd={ROOT}",
        )

    def remount(self, options: str) -> None:
        """Change size or writability, e.g. "size=1m" or "ro"."""
        command = [*self.wrapper, "mount", "-o", f"remount,{options}", str(self.inside)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MountError(f"cannot remount with {options}: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(inside: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a tmpfs of so many bytes on an empty folder until the block ends.

    Raises:
        MountError: It cannot be mounted, and why.
    """
    inside.mkdir(parents=True)
    script = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec cat'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(size), str(inside)]
    try:
        holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError as error:
        raise MountError("there is no unshare (util-linux) here") from error
    with holder:
        try:
            if holder.stdout is None or holder.stdout.readline() != "mounted\n":
                _, said = holder.communicate()
                raise MountError(f"this user may not mount here: {said.strip()}")
            yield SmallDisk(holder.pid, inside)
        finally:
            holder.kill()


def may_not_mount(folder: Path) -> str | None:
    """Say why nothing can be mounted here; None where it can."""
    try:
        with small_disk(folder, 1 << 20) as disk:
            return None if os.path.ismount(disk.outside) or disk.outside.is_dir() else "the mount is not visible"
    except MountError as error:
        return str(error)
