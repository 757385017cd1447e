"""A wall clock that goes backwards while runs are killed and compactions are made.

Child processes get their clock from a preloaded library, which is compiled on the spot (jumping_clock.c). Leases and
the resume ledger compare no wall clocks. Files that are named after a time must still sort after those they replace.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.chaos.kills import wait_for_a_moment
from benchmarks.chaos.refinements import PROX, ROOT
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import CORPUS, RULES, World
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

REFINE, COMPACT = "clock going backwards, runs killed", "clock going backwards, compactions"
TIMES = 5
DAY = 86_400

_WATCH_CLOCK = """
import time
times = [(time.sleep(0.06), time.time())[1] for _ in range(12)]
print(any(b < a for a, b in zip(times, times[1:])))
"""


def run(world: World) -> Iterator[Finding]:
    """Refine and compact by a jumping clock."""
    library = compile_clock(world)
    if library is None:
        for fault in (REFINE, COMPACT):
            yield Finding(fault, (), ("skipped: it takes Linux and a C compiler",), 0)
        return
    chance = world.chance("clocks")
    for _ in range(TIMES):
        yield refine(world, library, chance)
    yield _compact(world, library, chance)


def compile_clock(world: World) -> Path | None:
    """Compile the library of the jumping clock; None where that cannot be done."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        return None
    library = world.path("clock") / "jumping_clock.so"
    library.parent.mkdir()
    source = Path(__file__).with_name("jumping_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    return library


def _jumping(library: Path, chance: random.Random, back: int = 0) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(library),
        "CHAOS_CLOCK_SEED": str(chance.randrange(1 << 30)),
        "CHAOS_CLOCK_BACK": str(back),
    }


def refine(world: World, library: Path, chance: random.Random) -> Finding:
    """Kill a run, and finish the work by a clock that is a day behind the killed one's."""
    wanted = world.undisturbed(RULES)
    folder = world.path("clock")
    environment = _jumping(library, chance)
    problems = _clock_problems(environment)
    run = world.start(RULES, folder, environment=environment)
    moment = wait_for_a_moment(run, folder, wanted, chance)
    run.kill()
    later = _jumping(library, chance, DAY)
    problems += world.finish(lambda: world.start(RULES, folder, environment=later), Lake(str(folder)), wanted)
    return Finding(REFINE, tuple(problems), ("killed and finished a day earlier" if moment else "ran through",))


def _compact(world: World, library: Path, chance: random.Random) -> Finding:
    """Compact, change every shard, compact by a clock a day back: the new rows count, and the next call is idle."""
    folder = world.path("clock")
    problems: list[str] = []
    today, yesterday = _jumping(library, chance), _jumping(library, chance, DAY)
    for more, environment in (((), today), (("--policy", "doc_keep_threshold=0.6"), yesterday)):
        ended = world.start(RULES, folder, *more, environment=environment).wait(world.undisturbed(RULES).deadline)
        if ended.code != 0:
            problems.append(f"a run failed: {ended.said}")
        _prox(environment, "catalog", "compact", "--lake", str(folder))
    again = _prox(yesterday, "catalog", "compact", "--lake", str(folder))
    if "nothing had changed" not in again:
        problems.append(f"a compaction that was just made is made again: {again}")
    query = "SELECT count(*) AS n, sum(documents_out) AS kept FROM shard_metrics"
    found = _prox({}, "sql", "--lake", str(folder), "--format", "csv", query)
    lake = Lake(str(folder))
    shards = lake.shards(CORPUS, Table.SHARD_METRICS)
    rows = [row for shard in shards for row in lake.rows(CORPUS, Table.SHARD_METRICS, shard)]
    wanted = f"{len(rows)},{sum(row['documents_out'] for row in rows)}"
    if wanted not in found.replace('"', ""):
        problems.append(f"the catalog says {found!r} instead of {wanted}")
    return Finding(COMPACT, tuple(problems), ("new rows were read, nothing was compacted twice",))


def _clock_problems(environment: Mapping[str, str]) -> list[str]:
    """Make sure that the clock does go backwards: a library that is not loaded would disturb nothing."""
    command = [sys.executable, "-c", _WATCH_CLOCK]
    said = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=True).stdout
    return [] if said.strip() == "True" else ["the clock of child processes does not go backwards"]


def _prox(environment: Mapping[str, str], *arguments: str) -> str:
    """Run another command of prox; return what it says, also where it fails."""
    done = subprocess.run(
        [*PROX, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "2000", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
