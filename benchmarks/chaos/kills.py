"""kill -9 of `prox refine` at random moments, again and again, until the work is done all the same.

Each lake's run is killed a few times and then finished. A kill held if its lake ends with exactly the rows of the
undisturbed one.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import BUNDLED, CORPUS, RULES, Setting, Undisturbed, World
from prox_assets.lake.lake import Lake

FAULT = "kill -9 of prox refine, refiner "
KILLS_PER_LAKE = (2, 7)
ASSETS = ("raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics")
LOOK_SECONDS = 0.002


def run(world: World) -> Iterator[Finding]:
    """Kill runs with a model as often as the world wants, and half as many with rules."""
    # With rules nearly all of a run is reading and writing; with a model most of it is starting and inference.
    yield from kill_lakes(world, RULES, -(-world.kills // 2), world.chance("kills/rules"))
    yield from kill_lakes(world, BUNDLED, world.kills, world.chance("kills"))


def kill_lakes(world: World, setting: Setting, kills: int, chance: random.Random) -> Iterator[Finding]:
    """Kill runs until so many were killed; one finding for each lake."""
    wanted = world.undisturbed(setting)
    done = 0
    while done < kills:
        folder = world.path(f"killed-{setting.name}")
        planned = min(chance.randint(*KILLS_PER_LAKE), kills - done)
        seen: list[str] = []
        problems: list[str] = []
        # A run may end before its moment comes; a lake that is finished has nothing left to be killed.
        for _ in range(planned):
            run = world.start(setting, folder)
            moment = wait_for_a_moment(run, folder, wanted, chance)
            if moment is None:
                break
            run.kill()
            seen.append(moment)
            problems += run.survivors()
        if not seen:
            continue
        problems += world.finish(lambda folder=folder: world.start(setting, folder), Lake(str(folder)), wanted)
        done += len(seen)
        yield Finding(FAULT + setting.name, tuple(problems), tuple(seen), len(seen))


def wait_for_a_moment(run: Refinement, lake: Path, wanted: Undisturbed, chance: random.Random) -> str | None:
    """Wait for a random moment of a run; return what it was doing then, or None where it ended before.

    A third of the moments are spread over time, a third over writes, and a third come right after the beginning of a
    stage, since some stages take milliseconds.
    """
    kind = chance.choice(("time", "writes", "stage"))
    after = chance.random()
    if kind == "time":
        moment = after * wanted.seconds
        _wait(run, wanted, lambda: run.seconds >= moment)
    elif kind == "writes":
        changes = _Changes(lake)
        count = chance.randint(1, 80)
        _wait(run, wanted, lambda: changes.seen() >= count)
    else:
        asset = chance.choice(ASSETS)
        leases = lake / "_leases" / CORPUS / asset
        before = _names(leases)
        _wait(run, wanted, lambda: bool(_names(leases) - before))
        time.sleep(after * 0.05)
    return _doing(lake) if run.running else None


def _wait(run: Refinement, wanted: Undisturbed, condition: Callable[[], bool]) -> None:
    # A run that hangs is killed at its deadline; the one that has to finish the work will then tell of it.
    while run.running and not condition() and run.seconds < wanted.deadline:
        time.sleep(LOOK_SECONDS)


class _Changes:
    """Counts how often files of a lake were put in place, since it was made."""

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._known = self._files()
        self._count = 0

    def seen(self) -> int:
        now = self._files()
        self._count += len(now - self._known)
        self._known = now
        return self._count

    def _files(self) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        # Not rglob: folders that go away while it looks are errors to it.
        for folder, _, names in os.walk(self._lake):
            for name in names:
                path = Path(folder, name)
                try:
                    found.add((str(path), path.stat().st_ino))
                except FileNotFoundError:
                    continue
        return found


def _names(folder: Path) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for path in folder.glob("*.json"):
        try:
            found.add((path.name, path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found


def _doing(lake: Path) -> str:
    """Say which asset was being written, by its lease."""
    held = [asset for asset in ASSETS if any((lake / "_leases" / CORPUS / asset).glob("*.json"))]
    if held:
        return f"during {held[-1]}"
    return "between stages" if lake.exists() else "before the first write"
