"""kill -9 of `prox refine` at random moments.

For each lake, runs are killed a few times, then one is left to finish. The kills held if the lake ends with exactly the
rows of an undisturbed one.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import BUNDLED, CORPUS, RULES, Setting, Undisturbed, World
from prox_assets.lake.lake import Lake

FAULT = "kill -9 of prox refine, refiner "
KILLS_PER_LAKE = (2, 7)
ASSETS = ("raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics")
POLL_SECONDS = 0.002


def run(world: World) -> Iterator[Verdict]:
    """Kill `world.kills` runs with a model, and half as many with rules."""
    # With rules, a run is nearly all reading and writing; with a model, it is mostly start-up and inference.
    yield from kill_lakes(world, RULES, -(-world.kills // 2), world.rng("kills/rules"))
    yield from kill_lakes(world, BUNDLED, world.kills, world.rng("kills"))


def kill_lakes(world: World, setting: Setting, kills: int, rng: random.Random) -> Iterator[Verdict]:
    """Kill runs until `kills` have been killed; yield a verdict per lake."""
    wanted = world.undisturbed(setting)
    done = 0
    while done < kills:
        folder = world.path(f"killed-{setting.name}")
        planned = min(rng.randint(*KILLS_PER_LAKE), kills - done)
        moments: list[str] = []
        problems: list[str] = []
        # A run may end before its moment; a finished lake has nothing left to kill.
        for _ in range(planned):
            run = world.start(setting, folder)
            moment = wait_for_a_moment(run, folder, wanted, rng)
            if moment is None:
                break
            run.kill()
            moments.append(moment)
            problems += run.survivors()
        if not moments:
            continue
        problems += world.finish(lambda folder=folder: world.start(setting, folder), Lake(str(folder)), wanted)
        done += len(moments)
        yield Verdict(FAULT + setting.name, tuple(problems), tuple(moments), len(moments))


def wait_for_a_moment(run: Refinement, lake: Path, wanted: Undisturbed, rng: random.Random) -> str | None:
    """Wait for a random moment of a run; return what it was doing then, or None if it ended earlier.

    A third of the moments are uniform over time, a third uniform over writes, and a third come just after a stage
    begins, because some stages take only milliseconds.
    """
    kind = rng.choice(("time", "writes", "stage"))
    after = rng.random()
    if kind == "time":
        moment = after * wanted.seconds
        _wait(run, wanted, lambda: run.seconds >= moment)
    elif kind == "writes":
        changes = Changes(lake)
        count = rng.randint(1, 80)
        _wait(run, wanted, lambda: changes.count() >= count)
    else:
        asset = rng.choice(ASSETS)
        leases = lake / "_leases" / CORPUS / asset
        before = _names(leases)
        _wait(run, wanted, lambda: bool(_names(leases) - before))
        time.sleep(after * 0.05)
    return doing(lake) if run.running else None


def _wait(run: Refinement, wanted: Undisturbed, condition: Callable[[], bool]) -> None:
    # A run that hangs is killed at its deadline; if the next one hangs too, `World.finish` reports it.
    while run.running and not condition() and run.seconds < wanted.deadline:
        time.sleep(POLL_SECONDS)


class Changes:
    """Counts the files published in a lake since this object was created."""

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._known = self._files()
        self._count = 0

    def count(self) -> int:
        """Return how many there were so far."""
        now = self._files()
        self._count += len(now - self._known)
        self._known = now
        return self._count

    def _files(self) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        # Not rglob, which fails if a folder vanishes while it iterates.
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


def doing(lake: Path) -> str:
    """Return which asset was being written, according to the leases."""
    held = [asset for asset in ASSETS if any((lake / "_leases" / CORPUS / asset).glob("*.json"))]
    if held:
        return f"during {held[-1]}"
    return "between stages" if lake.exists() else "before the first write"
