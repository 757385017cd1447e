"""Leases of devices: a process that runs a model has its devices to itself, and sees no others.

A lease is a lock on a file per device, in a folder that all processes of the machine share. The kernel keeps the lock
and releases it when the last process that holds the file open has ended, by kill -9 too: nothing has to be cleaned up,
and no clock is read. The lease lasts as long as its process, because CUDA keeps the devices that it has once seen.
"""

import fcntl
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prox_assets.machine.devices import (
    DECLARED_VARIABLE,
    VISIBLE_VARIABLE,
    Device,
    DeviceError,
    Devices,
    environment_of,
    look_for_devices,
)

FOLDER_VARIABLE = "PROX_DEVICE_LOCKS"
# Not tempfile.gettempdir(): TMPDIR differs between users and jobs, and then each would lock files of its own.
DEFAULT_FOLDER = "/tmp/prox-devices"  # noqa: S108 (only locks and process ids; files are opened without following links)

POLL_SECONDS = 0.2
# Between two messages of a process that waits, after a first one.
TELL_SECONDS = 600.0
_COMMAND_CHARACTERS = 120
# Each record covers the one before it, so readers never see half of one.
_RECORD_BYTES = 1024
# Whoever holds it chooses devices next, and keeps those that it has got: one that needs several is not overtaken for
# ever by those that need one. As only one process chooses, no two can wait for each other's devices.
_TURN = "turn"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a device.

    Attributes:
        pid: Its id.
        command: What it is doing, or else its command, shortened.
        since: When it got the device, UTC, ISO 8601.
    """

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}) since {self.since}"


@dataclass
class _Lease:
    """What this process holds: its devices with the open files that are locked, out of how many."""

    files: dict[Device, int] = field(default_factory=dict)
    of: int = 0


_lease = _Lease()
_changing = threading.Lock()
_doing = ""


def name_process(doing: str) -> None:
    """Say what this process is doing, for those that wait for its devices; call it before it leases any."""
    global _doing
    _doing = doing


def lease_devices(count: int, pause: Callable[[float], object] = time.sleep) -> tuple[Device, ...]:
    """Lease devices for this process and hide all others from it; wait until that many are free.

    A process leases once: later calls return devices that it already has. Call this before CUDA is first used in the
    process, and before the process that will use it is started.

    Args:
        count: How many; 0 leases nothing and hides nothing.
        pause: Called with a number of seconds whenever it waits; may raise to give up.

    Raises:
        DeviceError: The machine has fewer devices, this process holds fewer from an earlier call, or the folder of the
            locks cannot be used.
    """
    with _changing:
        if count == 0:
            return ()
        if not _lease.files:
            found = look_for_devices()
            devices = found.usable
            if count > len(devices):
                raise DeviceError(_too_few(count, found))
            _lease.files, _lease.of = _take(devices, count, pause), len(devices)
            os.environ.update(environment_of(tuple(_lease.files)))
            _log.info("leased %s of %s devices: %s", count, len(devices), ", ".join(map(_named, _lease.files)))
        if count > len(_lease.files):
            raise DeviceError(
                f"this process has leased {len(_lease.files)} of the {count} devices that are needed now, and cannot "
                "see more: start what needs them in a process of its own"
            )
        return tuple(_lease.files)[:count]


def leased_files() -> tuple[int, ...]:
    """Return the descriptors of the locked files: a process that inherits them shares the lease until it ends."""
    return tuple(_lease.files.values())


def fair_share(cores: int) -> int:
    """Return this process's share of the machine's cores: as large as its share of the devices, all without a lease."""
    return max(1, cores * len(_lease.files) // _lease.of) if _lease.files else cores


def holders(devices: Iterable[Device]) -> dict[Device, Holder | None]:
    """Return who holds each device at this moment; None for a free one.

    Raises:
        DeviceError: The folder of the locks cannot be read.
    """
    return {device: _holder(_folder() / device.identity) for device in devices}


def _take(devices: tuple[Device, ...], count: int, pause: Callable[[float], object]) -> dict[Device, int]:
    folder = _made(_folder())
    taken: dict[Device, int] = {}
    turn: int | None = None
    teller = _Teller(count)
    try:
        while True:
            turn = _locked(folder / _TURN) if turn is None else turn
            for device in devices if turn is not None else ():
                if device not in taken and len(taken) < count:
                    file = _locked(folder / device.identity)
                    if file is not None:
                        taken[device] = file
            if len(taken) == count:
                return {device: taken[device] for device in devices if device in taken}
            teller.waits(folder, devices, taken, is_next=turn is not None)
            pause(POLL_SECONDS)
    except BaseException:
        for file in taken.values():
            os.close(file)
        raise
    finally:
        if turn is not None:
            os.close(turn)


class _Teller:
    """Logs for whom this process waits: once it has begun to wait, and again from time to time."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._polls = 0
        self._next = 0.0

    def waits(self, folder: Path, devices: Iterable[Device], taken: Iterable[Device], *, is_next: bool) -> None:
        self._polls += 1
        # The first attempt may have met a process that only looked (`prox machine`).
        if self._polls < 2 or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + TELL_SECONDS
        missing = [device for device in devices if device not in set(taken)]
        held = [f"device {device.name} by {_written(folder / device.identity)}" for device in missing]
        what = "a device" if self._count == 1 else f"{self._count} devices"
        before = "" if is_next else f"; {_written(folder / _TURN)} waits before it"
        _log.warning("waits for %s: leased are %s%s", what, ", ".join(held), before)


def _folder() -> Path:
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid == os.getuid():
            folder.chmod(0o1777)  # other users lock there, too, and remove nothing
    except OSError as error:
        raise DeviceError(_unusable(folder, error)) from error
    return folder


def _locked(path: Path) -> int | None:
    """Return the descriptor of a file with the lock on it; None if another process has the lock.

    The lock belongs to the open file, not to the process: it ends when the last copy of the descriptor is closed.
    """
    try:
        file = _opened(path)
    except OSError as error:
        raise DeviceError(_unusable(path, error)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder = Holder(os.getpid(), _command(), datetime.now(UTC).isoformat(timespec="seconds"))
        os.pwrite(file, json.dumps(asdict(holder)).encode().ljust(_RECORD_BYTES), 0)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError as error:
        os.close(file)
        raise DeviceError(_unusable(path, error)) from error
    return file


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW
    try:
        # Where the kernel protects files in folders like /tmp, O_CREAT fails on a file of another user that exists.
        return os.open(path, flags)
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o666)
        if os.fstat(file).st_uid == os.getuid():
            os.fchmod(file, 0o666)  # whatever the umask
        return file


def _holder(path: Path) -> Holder | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeviceError(_unusable(path, error)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(path)
    finally:
        os.close(file)
    return None


def _written(path: Path) -> Holder:
    """Return what the last process to lock a file wrote into it."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # it is being written
        return Holder(0, "unknown", "just now")


def _command() -> str:
    if _doing:
        return _doing[:_COMMAND_CHARACTERS]
    try:
        words = Path("/proc/self/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        words = sys.argv
    first, *others = words
    return " ".join([Path(first).name, *others]).strip()[:_COMMAND_CHARACTERS]


def _named(device: Device) -> str:
    return f"{device.name} ({device.model})"


def _too_few(count: int, found: Devices) -> str:
    needed = f"{count} device{'s are' if count > 1 else ' is'} needed"
    if found.visible is not None:
        return (
            f"{needed}. {found.restriction()} (`prox machine`). In a job, ask its launcher for more; elsewhere, set "
            f"{VISIBLE_VARIABLE} otherwise."
        )
    there_are = len(found.usable)
    has = "no device" if there_are == 0 else f"{there_are} device{'s' if there_are > 1 else ''}"
    return (
        f"{needed}, and this machine has {has} (`prox machine`). If that is wrong, see that nvidia-ml-py is installed, "
        f"or declare the number in {DECLARED_VARIABLE}."
    )


def _unusable(path: Path, error: OSError) -> str:
    return (
        f"{path}, with which processes of this machine lease devices, cannot be used ({error}). "
        f"Name another folder on a local disk in {FOLDER_VARIABLE}, the same for all processes."
    )
