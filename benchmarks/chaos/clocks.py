"""A wall clock that goes backwards while runs are killed and compactions run.

Child processes read the clock through a preloaded library (jumping_clock.c), compiled on the spot. Leases and the
resume ledger do not compare wall clocks. Files named by time must still sort after the ones they replace.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.chaos.kills import wait_for_a_moment
from benchmarks.chaos.refinements import ROOT
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import CORPUS, RULES, World
from benchmarks.support.commands import PROX
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


def run(world: World) -> Iterator[Verdict]:
    """Refine and compact with a jumping clock."""
    library = compile_clock(world)
    if library is None:
        for fault in (REFINE, COMPACT):
            yield Verdict(fault, (), ("skipped: needs Linux and a C compiler",), 0)
        return
    rng = world.rng("clocks")
    for _ in range(TIMES):
        yield refine(world, library, rng)
    yield _compact(world, library, rng)


def compile_clock(world: World) -> Path | None:
    """Compile the jumping clock's library; return None if this machine cannot."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        return None
    library = world.path("clock") / "jumping_clock.so"
    library.parent.mkdir()
    source = Path(__file__).with_name("jumping_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    return library


def _jumping(library: Path, rng: random.Random, back: int = 0) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(library),
        "CHAOS_CLOCK_SEED": str(rng.randrange(1 << 30)),
        "CHAOS_CLOCK_BACK": str(back),
    }


def refine(world: World, library: Path, rng: random.Random) -> Verdict:
    """Kill a run, then finish its work with a clock a day behind."""
    wanted = world.undisturbed(RULES)
    folder = world.path("clock")
    environment = _jumping(library, rng)
    problems = _clock_problems(environment)
    run = world.start(RULES, folder, environment=environment)
    moment = wait_for_a_moment(run, folder, wanted, rng)
    run.kill()
    later = _jumping(library, rng, DAY)
    problems += world.finish(lambda: world.start(RULES, folder, environment=later), Lake(str(folder)), wanted)
    return Verdict(REFINE, tuple(problems), ("killed and finished a day earlier" if moment else "ran through",))


def _compact(world: World, library: Path, rng: random.Random) -> Verdict:
    """Compact, change every shard, and compact with a clock a day behind; the new rows must win, and stay."""
    folder = world.path("clock")
    problems: list[str] = []
    today, yesterday = _jumping(library, rng), _jumping(library, rng, DAY)
    for more, environment in (((), today), (("--policy", "doc_keep_threshold=0.6"), yesterday)):
        ended = world.start(RULES, folder, *more, environment=environment).wait(world.undisturbed(RULES).deadline)
        if ended.code != 0:
            problems.append(f"a run failed: {ended.output}")
        _prox(environment, "catalog", "compact", "--lake", str(folder))
    again = _prox(yesterday, "catalog", "compact", "--lake", str(folder))
    if "nothing had changed" not in again:
        problems.append(f"an up-to-date compaction was repeated: {again}")
    query = "SELECT count(*) AS n, sum(documents_out) AS kept FROM shard_metrics"
    found = _prox({}, "sql", "--lake", str(folder), "--format", "csv", query)
    lake = Lake(str(folder))
    shards = lake.shards(CORPUS, Table.SHARD_METRICS)
    rows = [row for shard in shards for row in lake.rows(CORPUS, Table.SHARD_METRICS, shard)]
    wanted = f"{len(rows)},{sum(row['documents_out'] for row in rows)}"
    if wanted not in found.replace('"', ""):
        problems.append(f"the catalog says {found!r} instead of {wanted}")
    return Verdict(COMPACT, tuple(problems), ("new rows were read, nothing was compacted twice",))


def _clock_problems(environment: Mapping[str, str]) -> list[str]:
    """Check that the clock does go backwards; it would not if the library failed to load."""
    command = [sys.executable, "-c", _WATCH_CLOCK]
    output = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=True).stdout
    return [] if output.strip() == "True" else ["the clock of child processes does not go backwards"]


def _prox(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a `prox` command; return its output, even if it fails."""
    done = subprocess.run(
        [*PROX, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "2000", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
