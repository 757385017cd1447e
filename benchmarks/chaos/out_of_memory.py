"""An engine that runs out of memory, because the running process gets a memory limit in the middle of inference.

Such a process can die in many ways, including an abort in native code. It must end, name memory as the cause if Python
still can, and leave a lake that the next run finishes.
"""

import random
import resource
import time
from collections.abc import Iterator

import psutil

from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import BUNDLED, World, finished_windows
from prox_assets.lake.lake import Lake

FAULT = "out of memory in the engine"
TIMES = 4
CAUSES = ("memory", "bad_alloc", "alloc_cpu", "can't start new thread")


def run(world: World) -> Iterator[Verdict]:
    """Limit the memory of runs at random moments during inference."""
    if not hasattr(resource, "prlimit"):
        yield Verdict(FAULT, (), ("skipped: only Linux can limit a running process",), 0)
        return
    rng = world.rng("memory")
    for _ in range(TIMES):
        yield _starve(world, rng)


def _starve(world: World, rng: random.Random) -> Verdict:
    wanted = world.undisturbed(BUNDLED)
    folder = world.path("memory")
    run = world.start(BUNDLED, folder)
    table, windows = rng.choice(("doc_programs", "chunk_programs")), rng.randint(1, 4)
    while run.running and finished_windows(folder, table) < windows and run.seconds < wanted.deadline:
        time.sleep(0.005)
    try:
        held = psutil.Process(run.process.pid).memory_info().data
        # Less than it already has: the kernel refuses any further allocation.
        limit = int(held * rng.uniform(0.3, 0.9))
        resource.prlimit(run.process.pid, resource.RLIMIT_DATA, (limit, limit))
    except (psutil.NoSuchProcess, ProcessLookupError):
        return Verdict(FAULT, (), ("ended before it was limited",))
    ended = run.wait(wanted.deadline)
    killed = ended.code is not None and ended.code < 0
    problems = [] if killed else ended.failure_problems(*CAUSES, traceback_allowed=True)
    problems += run.survivors()
    problems += world.finish(lambda: world.start(BUNDLED, folder), Lake(str(folder)), wanted)
    if ended.code == 0:
        observed = "needed no more memory"
    elif ended.code is not None and ended.code < 0:
        observed = f"ended by signal {-ended.code}, finished by the next run"
    else:
        observed = "failed and named memory, finished by the next run"
    return Verdict(FAULT, tuple(problems), (observed,))
