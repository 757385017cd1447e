"""Faults in the subprocesses of a run: the run is killed, its subprocesses are killed, or they are stopped.

A killed run must take its subprocesses down with it. A run whose subprocesses die or stall must end and say so. The
callers choose the subprocesses (vllm_kills.py, prompt_kills.py).
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
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import SHARDS, Setting, Undisturbed, World, WorldError, finished_windows
from prox_assets.lake.lake import Lake

STALL_SECONDS = 5
# With fewer pages per shard, a run would finish before it can be caught.
PAGES = 40
ATTEMPTS = 8
TABLES = ("doc_programs", "chunk_programs")
# Starting takes up to half a CPU minute, so inject one fault of each kind per this many kills of `make chaos`.
KILLS_PER_ROUND = 34


@dataclass(frozen=True, slots=True)
class SubprocessFaults:
    """The faults of one kind of subprocess.

    Attributes:
        run_killed: Name of the fault that kills the run.
        killed: Name of the fault that kills the subprocesses.
        stopped: Name of the fault that stops them (SIGSTOP).
        setting: The runs' configuration, with a stall timeout of STALL_SECONDS.
        find: Returns the subprocesses of a run.
        causes_killed: Phrases, one of which a run must print when they are killed.
        causes_stopped: Phrases, one of which a run must print when they are stopped.
        success_allowed: Whether a run may already have all it needs from them, and so succeed.
        environment: The runs' additional environment variables.
    """

    run_killed: str
    killed: str
    stopped: str
    setting: Setting
    find: Callable[[Refinement], list[psutil.Process]]
    causes_killed: tuple[str, ...]
    causes_stopped: tuple[str, ...]
    success_allowed: bool
    environment: Mapping[str, str]

    @property
    def faults(self) -> tuple[str, str, str]:
        """The names of the three faults."""
        return self.run_killed, self.killed, self.stopped


def disturb(world: World, subprocesses: SubprocessFaults) -> Iterator[Verdict]:
    """Inject each fault a few times."""
    name = subprocesses.setting.name
    raw = world.write_raw(world.path(f"raw-{name}"), world.sample(SHARDS * PAGES))
    wanted = world.undisturbed(subprocesses.setting, raw=raw, environment=subprocesses.environment)
    rng = world.rng(name)
    for _ in range(max(1, round(world.kills / KILLS_PER_ROUND))):
        for fault in subprocesses.faults:
            yield _disturb(world, subprocesses, raw, wanted, fault, rng)


def _disturb(
    world: World, subprocesses: SubprocessFaults, raw: Path, wanted: Undisturbed, fault: str, rng: random.Random
) -> Verdict:
    table = rng.choice(TABLES)
    run, folder, found, table = _caught(world, subprocesses, raw, wanted, table, rng.randint(1, 3))
    problems: list[str] = []
    if fault == subprocesses.run_killed:
        run.kill()
        observed = f"its processes gone with it, in {table}"
    else:
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL if fault == subprocesses.killed else signal.SIGSTOP)
        ended = run.wait(wanted.deadline)
        observed = f"run failed and named it, in {table}"
        if ended.code == 0:
            observed = f"run no longer needed them, in {table}"
            if not subprocesses.success_allowed:
                return Verdict(fault, ("the run succeeded as if nothing had happened",), (), 1)
        causes = subprocesses.causes_killed if fault == subprocesses.killed else subprocesses.causes_stopped
        problems += ended.failure_problems(*causes)
    problems += run.survivors()
    problems += world.finish(
        lambda: world.start(subprocesses.setting, folder, raw=raw, environment=subprocesses.environment),
        Lake(str(folder)),
        wanted,
    )
    return Verdict(fault, tuple(problems), (observed,))


def _caught(
    world: World, subprocesses: SubprocessFaults, raw: Path, wanted: Undisturbed, table: str, windows: int
) -> tuple[Refinement, Path, list[psutil.Process], str]:
    """Start runs until one is caught after `windows` windows of a table.

    Half of the attempts are at the other table, because few of the sample's pages may reach the chunk level.

    Returns:
        The run, its lake, its subprocesses, and the table.

    Raises:
        WorldError: No run could be caught.
    """
    others = [other for other in TABLES if other != table]
    for tried in [table] * (ATTEMPTS // 2) + others * (ATTEMPTS // 2):
        folder = world.path(subprocesses.setting.name)
        run = world.start(subprocesses.setting, folder, raw=raw, environment=subprocesses.environment)
        while run.running and run.seconds < wanted.deadline:
            if finished_windows(folder, tried) >= windows and (found := subprocesses.find(run)):
                return run, folder, found, tried
            time.sleep(0.01)
        # It finished too fast; try another.
        run.wait(wanted.deadline)
    raise WorldError(f"none of {ATTEMPTS} runs could be caught after {windows} windows of a table")
