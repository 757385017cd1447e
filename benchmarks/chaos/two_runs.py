"""Two runs of the same shards at the same time, into one lake.

With the same configuration, both must end with its rows. With two configurations, the lake must hold the result of one
of them, complete, and a run that lost must say so.
"""

import random
import time
from collections.abc import Iterator

from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import RULES, WINDOW, Setting, World
from prox_assets.lake.lake import Lake

SAME, POLICIES, REFINERS = (
    "two runs of the same shards at once",
    "the same, with two policies",
    "the same, with two refiners",
)
TIMES = 5
KEEP_ALL = Setting("keep-all", ("--refiner", "keep-all", "--window", str(WINDOW)))
# What the loser of a race may say.
LOST = ("is being written by run", "has taken over", "was replaced by run", "was cut short", "has been executed anew")
LOST += ("was written for other",)


def run(world: World) -> Iterator[Finding]:
    """Let runs race."""
    chance = world.chance("two runs")
    stricter = Setting("stricter", (*RULES.arguments, "--policy", "doc_keep_threshold=0.6"))
    for _ in range(TIMES):
        yield race(world, SAME, (RULES, RULES), chance)
        yield race(world, POLICIES, (RULES, stricter), chance)
        yield race(world, REFINERS, (RULES, KEEP_ALL), chance)


def race(world: World, fault: str, settings: tuple[Setting, Setting], chance: random.Random) -> Finding:
    """Start two runs, the second while the first is at work."""
    wanted = [world.undisturbed(setting) for setting in settings]
    folder = world.path("two")
    runs = [world.start(settings[0], folder)]
    # The second comes while the first is at work, not while Python is still starting.
    time.sleep(chance.random() * (wanted[0].seconds - wanted[0].first_change))
    runs.append(world.start(settings[1], folder))
    ended = [run.wait(wanted[0].deadline) for run in runs]
    problems: list[str] = []
    for one in ended:
        problems += one.problems_of_a_failure(*LOST)
    lake = Lake(str(folder))
    compared = [_without_history(world.compare(lake, one)) for one in wanted]
    winners = [number for number, found in enumerate(compared) if not found]
    if not winners:
        problems.append(f"the lake is of neither run: {compared[0][:3]} {compared[1][:3]}")
    if not any(one.code == 0 for one in ended):
        problems.append("both runs failed")
    # Whoever says that all went well must have made, or found, what is there.
    failed = sum(one.code != 0 for one in ended)
    seen = "one won, the other said why it did not" if failed else "both ended well, one after the other"
    return Finding(fault, tuple(problems), (seen,))


def _without_history(problems: list[str]) -> list[str]:
    """Leave out the history of metrics: it rightly has a row of each execution."""
    return [problem for problem in problems if not problem.startswith("shard_metrics_history")]
