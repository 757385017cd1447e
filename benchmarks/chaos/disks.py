"""A full disk, and a read-only lake.

The run must fail with the disk's own error message. Once there is room, or the disk is writable again, the same command
must end with the rows of an undisturbed run.
"""

import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.chaos.lakes import without_history
from benchmarks.chaos.mounts import MountError, SmallDisk, may_not_mount, small_disk
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import RULES, World
from prox_assets.lake.lake import Lake

FULL, READ_ONLY = "disk full", "read-only lake"
TIMES = 8
PLENTY = "size=256m"
PAGE = 4096  # a tmpfs allocates whole pages


def run(world: World) -> Iterator[Verdict]:
    """Refine onto disks of random size, and onto lakes that are read-only while empty, half done and finished."""
    refused = may_not_mount(world.path("mount"))
    if refused is not None:
        for fault in (FULL, READ_ONLY):
            yield Verdict(fault, (), (f"skipped: {refused}",), 0)
        return
    rng = world.rng("disks")
    wanted = world.undisturbed(RULES)
    files = [path.stat().st_size for path in _root(wanted.lake).rglob("*") if path.is_file()]
    pages = sum(-(-size // PAGE) for size in files)
    for _ in range(TIMES):
        # From hardly any room to almost enough; unfinished files take room too.
        yield fill(world, rng.randint(1, pages) * PAGE)
    for state in ("empty", "half done", "finished"):
        yield lock(world, state, rng)


def _root(lake: Lake) -> Path:
    return Path(lake.storage.root)


def fill(world: World, size: int) -> Verdict:
    """Refine onto a disk of `size` bytes, then make room and refine again."""
    wanted = world.undisturbed(RULES)
    with small_disk(world.path("disk"), size) as disk:
        ended = world.start(RULES, disk.inside, wrapper=disk.wrapper).wait(wanted.deadline)
        problems = ended.failure_problems("No space left on device")
        disk.remount(PLENTY)
        copied = partial(_copy, world, disk)
        problems += world.finish(lambda: world.start(RULES, disk.inside, wrapper=disk.wrapper), copied, wanted)
    failed = "failed with `No space left on device`, finished with room"
    return Verdict(FULL, tuple(problems), ("large enough after all" if ended.code == 0 else failed,))


def lock(world: World, state: str, rng: random.Random) -> Verdict:
    """Make a lake read-only when empty, half done or finished; refine, unlock it and refine again."""
    wanted = world.undisturbed(RULES)
    # A finished lake needs a new policy to have anything to write.
    more = ("--policy", "doc_keep_threshold=0.6") if state == "finished" else ()
    with small_disk(world.path("disk"), 256 << 20) as disk:
        if state != "empty":
            _begin(world, disk, state, rng)
        disk.remount("ro")
        ended = world.start(RULES, disk.inside, *more, wrapper=disk.wrapper).wait(wanted.deadline)
        problems = ended.failure_problems("Read-only file system")
        if ended.code == 0:
            problems.append("the run claims to have written to a read-only lake")
        disk.remount("rw")
        wanted = world.undisturbed(RULES, *more)
        copied = partial(_copy, world, disk)
        problems += world.finish(lambda: world.start(RULES, disk.inside, *more, wrapper=disk.wrapper), copied, wanted)
        if more:
            # This lake has measured two executions, the undisturbed one only one.
            problems = without_history(problems)
    return Verdict(READ_ONLY, tuple(problems), (f"{state} lake: failed with `Read-only file system`, then finished",))


def _copy(world: World, disk: SmallDisk) -> Lake:
    """Copy the disk's content to where a lake can be read."""
    folder = world.path("copy")
    shutil.copytree(disk.outside, folder)
    return Lake(str(folder))


def _begin(world: World, disk: SmallDisk, state: str, rng: random.Random) -> None:
    """Finish the lake, or refine until the disk is full, which leaves unfinished work of every kind."""
    if state == "finished":
        ended = world.start(RULES, disk.inside, wrapper=disk.wrapper).wait(world.undisturbed(RULES).deadline)
        if ended.code != 0:
            raise MountError(f"the lake could not be written: {ended.output}")
        return
    disk.remount(f"size={rng.randint(8, 20) * PAGE}")
    world.start(RULES, disk.inside, wrapper=disk.wrapper).wait(world.undisturbed(RULES).deadline)
    disk.remount(PLENTY)
