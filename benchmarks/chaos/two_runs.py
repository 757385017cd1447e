"""Two concurrent runs over the same shards, into one lake.

With one configuration, the lake must end with its rows. With two, the lake must hold the complete result of one of
them, and a run that lost must say so.
"""

import random
import time
from collections.abc import Iterator

from benchmarks.chaos.lakes import without_history
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import RULES, WINDOW, Setting, World
from prox_assets.lake.lake import Lake

SAME, POLICIES, REFINERS = (
    "two runs of the same shards at once",
    "the same, with two policies",
    "the same, with two refiners",
)
TIMES = 5
KEEP_ALL = Setting("keep-all", ("--refiner", "keep-all", "--window", str(WINDOW)))
# Phrases the loser of a race may print.
LOST = ("is being written by run", "has taken over", "was replaced by run", "was cut short", "was executed again while")
LOST += ("was written for other",)


def run(world: World) -> Iterator[Verdict]:
    """Race runs with equal and with different configurations."""
    rng = world.rng("two runs")
    stricter = Setting("stricter", (*RULES.arguments, "--policy", "doc_keep_threshold=0.6"))
    for _ in range(TIMES):
        yield race(world, SAME, (RULES, RULES), rng)
        yield race(world, POLICIES, (RULES, stricter), rng)
        yield race(world, REFINERS, (RULES, KEEP_ALL), rng)


def race(world: World, fault: str, settings: tuple[Setting, Setting], rng: random.Random) -> Verdict:
    """Start two runs, the second while the first is working."""
    wanted = [world.undisturbed(setting) for setting in settings]
    folder = world.path("two")
    runs = [world.start(settings[0], folder)]
    # Wait until the first is working, not just starting Python.
    time.sleep(rng.random() * (wanted[0].seconds - wanted[0].first_change))
    runs.append(world.start(settings[1], folder))
    ended = [run.wait(wanted[0].deadline) for run in runs]
    problems: list[str] = []
    for one in ended:
        problems += one.failure_problems(*LOST)
    lake = Lake(str(folder))
    compared = [without_history(world.compare(lake, one)) for one in wanted]
    if all(compared):
        problems.append(f"the lake is of neither run: {compared[0][:3]} {compared[1][:3]}")
    failed = sum(one.code != 0 for one in ended)
    if failed == len(ended):
        problems.append("both runs failed")
    observed = "one won, the other said why it did not" if failed else "both ended well, one after the other"
    return Verdict(fault, tuple(problems), (observed,))
