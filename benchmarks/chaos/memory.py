"""An engine that runs out of memory: the running process gets a limit in the middle of its work.

Such a process can end in many ways, an abort in native code among them. It must end, name memory as the cause where
Python still can, and leave a lake that the next run finishes.
"""

import random
import resource
import time
from collections.abc import Iterator

import psutil

from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import BUNDLED, CORPUS, World
from prox_assets.lake.lake import Lake

FAULT = "out of memory in the engine"
TIMES = 4
CAUSES = ("memory", "bad_alloc", "alloc_cpu", "can't start new thread")


def run(world: World) -> Iterator[Finding]:
    """Limit the memory of runs at random moments of inference."""
    if not hasattr(resource, "prlimit"):
        yield Finding(FAULT, (), ("skipped: only Linux can limit a running process",), 0)
        return
    chance = world.chance("memory")
    for _ in range(TIMES):
        yield _starve(world, chance)


def _starve(world: World, chance: random.Random) -> Finding:
    wanted = world.undisturbed(BUNDLED)
    folder = world.path("memory")
    run = world.start(BUNDLED, folder)
    table, windows = chance.choice(("doc_programs", "chunk_programs")), chance.randint(1, 4)
    ledgers = folder / "_resume" / CORPUS / table
    while run.running and len(list(ledgers.glob("*/*/*.parquet"))) < windows and run.seconds < wanted.deadline:
        time.sleep(0.005)
    try:
        held = psutil.Process(run.process.pid).memory_info().data
        # Less than it has by now: nothing that must be asked of the kernel is given any more.
        limit = int(held * chance.uniform(0.3, 0.9))
        resource.prlimit(run.process.pid, resource.RLIMIT_DATA, (limit, limit))
    except (psutil.NoSuchProcess, ProcessLookupError):
        return Finding(FAULT, (), ("ended before the limit came",))
    ended = run.wait(wanted.deadline)
    problems = ended.problems_of_a_failure(*CAUSES, may_trace=True) if ended.code is None or ended.code > 0 else []
    problems += run.survivors()
    problems += world.finish(lambda: world.start(BUNDLED, folder), Lake(str(folder)), wanted)
    if ended.code == 0:
        seen = "had enough already"
    elif ended.code is not None and ended.code < 0:
        seen = f"ended by signal {-ended.code}, finished by the next run"
    else:
        seen = "failed and named memory, finished by the next run"
    return Finding(FAULT, tuple(problems), (seen,))
