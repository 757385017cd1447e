"""A full disk, and a read-only lake.

The run must fail with the disk's own message. Once there is room, or the disk is writable again, the same command must
end with the rows of an undisturbed run.
"""

import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.chaos.mounts import MountError, SmallDisk, may_not_mount, small_disk
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import RULES, World
from prox_assets.lake.lake import Lake

FULL, READ_ONLY = "disk full", "read-only lake"
TIMES = 8
PLENTY = "size=256m"
PAGE = 4096  # a tmpfs gives out memory by the page


def run(world: World) -> Iterator[Finding]:
    """Fill disks at random sizes; make lakes read-only when they are empty, half done and finished."""
    refused = may_not_mount(world.path("mount"))
    if refused is not None:
        for fault in (FULL, READ_ONLY):
            yield Finding(fault, (), (f"skipped: {refused}",), 0)
        return
    chance = world.chance("disks")
    wanted = world.undisturbed(RULES)
    files = [path.stat().st_size for path in _root(wanted.lake).rglob("*") if path.is_file()]
    pages = sum(-(-size // PAGE) for size in files)
    for _ in range(TIMES):
        # From a disk that takes nothing to one that is almost large enough; unfinished files need room too.
        yield fill(world, chance.randint(1, pages) * PAGE)
    for state in ("empty", "half done", "finished"):
        yield lock(world, state, chance)


def _root(lake: Lake) -> Path:
    return Path(lake.storage.root)


def fill(world: World, size: int) -> Finding:
    """Refine onto a disk of so many bytes, then make room and refine again."""
    wanted = world.undisturbed(RULES)
    with small_disk(world.path("disk"), size) as disk:
        ended = world.start(RULES, disk.inside, wrapper=disk.wrapper).wait(wanted.deadline)
        problems = ended.problems_of_a_failure("No space left on device")
        disk.remount(PLENTY)
        copied = partial(_copy, world, disk)
        problems += world.finish(lambda: world.start(RULES, disk.inside, wrapper=disk.wrapper), copied, wanted)
    seen = "large enough after all" if ended.code == 0 else "failed with `No space left on device`, finished with room"
    return Finding(FULL, tuple(problems), (seen,))


def lock(world: World, state: str, chance: random.Random) -> Finding:
    """Make a lake read-only in a state (empty, half done, finished), refine, unlock it, refine again."""
    wanted = world.undisturbed(RULES)
    # A finished lake needs nothing written; another policy does.
    more = ("--policy", "doc_keep_threshold=0.6") if state == "finished" else ()
    with small_disk(world.path("disk"), 256 << 20) as disk:
        if state != "empty":
            _begin(world, disk, state, chance)
        disk.remount("ro")
        ended = world.start(RULES, disk.inside, *more, wrapper=disk.wrapper).wait(wanted.deadline)
        problems = ended.problems_of_a_failure("Read-only file system")
        if ended.code == 0:
            problems.append("it claims to have written into a read-only lake")
        disk.remount("rw")
        wanted = world.undisturbed(RULES, *more)
        copied = partial(_copy, world, disk)
        problems += world.finish(lambda: world.start(RULES, disk.inside, *more, wrapper=disk.wrapper), copied, wanted)
        if more:
            # Two executions have been measured in this lake, one in the other.
            problems = [problem for problem in problems if not problem.startswith("shard_metrics_history")]
    return Finding(READ_ONLY, tuple(problems), (f"{state} lake: failed with `Read-only file system`, then finished",))


def _copy(world: World, disk: SmallDisk) -> Lake:
    """Copy what is on the disk to where a lake can be read."""
    folder = world.path("copy")
    shutil.copytree(disk.outside, folder)
    return Lake(str(folder))


def _begin(world: World, disk: SmallDisk, state: str, chance: random.Random) -> None:
    """Leave the lake finished, or fill it until the disk is full: unfinished work of every kind then lies about."""
    if state == "finished":
        ended = world.start(RULES, disk.inside, wrapper=disk.wrapper).wait(world.undisturbed(RULES).deadline)
        if ended.code != 0:
            raise MountError(f"the lake could not be made: {ended.said}")
        return
    disk.remount(f"size={chance.randint(8, 20) * PAGE}")
    world.start(RULES, disk.inside, wrapper=disk.wrapper).wait(world.undisturbed(RULES).deadline)
    disk.remount(PLENTY)
