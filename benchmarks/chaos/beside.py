"""Faults of helper processes: the run is killed, a helper is killed, or a helper is stopped.

A killed run takes its helpers along. A run whose helper dies or stalls ends by itself and says so. Which helpers those
are is the callers' business (vllm_kills.py, prompt_kills.py).
"""

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import CORPUS, SHARDS, Setting, Undisturbed, World, WorldError
from prox_assets.lake.lake import Lake

STALL_SECONDS = 5
# A run is through with the usual handful of pages in less time than it takes to look.
PAGES = 40
ATTEMPTS = 8
TABLES = ("doc_programs", "chunk_programs")
# Each start takes up to half a minute of a CPU: one fault of each kind for so many kills in all.
KILLS_PER_ROUND = 34


@dataclass(frozen=True, slots=True)
class Beside:
    """Processes beside a run.

    Attributes:
        run_killed: Name of the fault that kills the run.
        killed: Name of the fault that kills the processes.
        stopped: Name of the fault that stops them.
        setting: How pages are refined; must stop after STALL_SECONDS without progress.
        find: Returns the processes of a run.
        causes_killed: Words, one of which a run names when they are killed.
        causes_stopped: The same when they are stopped.
        may_not_matter: Whether a run may have had all it needs from them by then, and end well.
        environment: For the runs.
    """

    run_killed: str
    killed: str
    stopped: str
    setting: Setting
    find: Callable[[Refinement], list[psutil.Process]]
    causes_killed: tuple[str, ...]
    causes_stopped: tuple[str, ...]
    may_not_matter: bool
    environment: Mapping[str, str]

    @property
    def faults(self) -> tuple[str, str, str]:
        """The names of the three."""
        return self.run_killed, self.killed, self.stopped


def disturb(world: World, beside: Beside) -> Iterator[Finding]:
    """Cause each fault a few times over."""
    name = beside.setting.name
    raw = world.write_raw(world.path(f"raw-{name}"), world.sample(SHARDS * PAGES))
    wanted = world.undisturbed(beside.setting, raw=raw, environment=beside.environment)
    chance = world.chance(name)
    for _ in range(max(1, round(world.kills / KILLS_PER_ROUND))):
        for fault in beside.faults:
            yield _disturb(world, beside, raw, wanted, fault, chance)


def _disturb(
    world: World, beside: Beside, raw: Path, wanted: Undisturbed, fault: str, chance: random.Random
) -> Finding:
    table = chance.choice(TABLES)
    run, folder, found, table = _caught(world, beside, raw, wanted, table, chance.randint(1, 3))
    problems: list[str] = []
    if fault == beside.run_killed:
        run.kill()
        seen = f"its processes gone with it, in {table}"
    else:
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL if fault == beside.killed else signal.SIGSTOP)
        ended = run.wait(wanted.deadline)
        seen = f"run failed and named it, in {table}"
        if ended.code == 0:
            seen = f"run needed them no more, in {table}"
            if not beside.may_not_matter:
                return Finding(fault, ("the run ended as if nothing had happened",), (), 1)
        causes = beside.causes_killed if fault == beside.killed else beside.causes_stopped
        problems += ended.problems_of_a_failure(*causes)
    problems += run.survivors()
    problems += world.finish(
        lambda: world.start(beside.setting, folder, raw=raw, environment=beside.environment), Lake(str(folder)), wanted
    )
    return Finding(fault, tuple(problems), (seen,))


def _caught(
    world: World, beside: Beside, raw: Path, wanted: Undisturbed, table: str, windows: int
) -> tuple[Refinement, Path, list[psutil.Process], str]:
    """Return a run that has just finished so many windows of a table, its lake, the processes beside it, the table.

    Few of the sample's pages come to the chunks, too few to be caught there: half of the attempts are at the other
    table.
    """
    others = [other for other in TABLES if other != table]
    for tried in [table] * (ATTEMPTS // 2) + others * (ATTEMPTS // 2):
        folder = world.path(beside.setting.name)
        ledgers = folder / "_resume" / CORPUS / tried
        run = world.start(beside.setting, folder, raw=raw, environment=beside.environment)
        while run.running and run.seconds < wanted.deadline:
            if len(list(ledgers.glob("*/*/*.parquet"))) >= windows and (found := beside.find(run)):
                return run, folder, found, tried
            time.sleep(0.01)
        # It was too fast to be caught: the next one is.
        run.wait(wanted.deadline)
    raise WorldError(f"of {ATTEMPTS} runs none could be caught after {windows} windows of a table")
