"""How long a backfill takes on many engines, by simulating its runs; nothing is run."""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

# Sizes to choose from. More shards than the last make Dagster's pages slow.
SHARD_COUNTS = (250, 500, 1000, 2000, 5000)
# Shards of each engine, as far as there are not too many in all: with 500 shards, 12 of 512 engines would have nothing.
SHARDS_PER_ENGINE = (1, 2, 3, 4, 6, 8)
RUN_SIZES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Overheads:
    """What a backfill costs besides the model's work, seconds unless said otherwise.

    The defaults of `run` and `shard` are measured (docs/speed.md, Orchestration); `launch` and `store` are assumed for
    one daemon and an object store, `spread` for shards that were made by size. `failures` are those of Llama 3's
    training: 419 unexpected interruptions in 54 days on 16,384 GPUs (arXiv 2407.21783, section 3.3.4).

    Attributes:
        start: Loading the models, once for each run.
        launch: From the launch of one run to that of the next.
        run: The processes of a run.
        shard: Events and checks of a shard.
        store: Requests of a shard, one after the other.
        window: Work that a failure loses, on average.
        failures: Failures per hour of one engine.
        spread: Standard deviation of a shard's work, as a share of the mean. Without it, a shard for each engine would
            be best, however long it takes: all would end together.
    """

    start: float
    launch: float = 1.0
    run: float = 9.5
    shard: float = 0.2
    store: float = 3.0
    window: float = 5.0
    failures: float = 2e-5
    spread: float = 0.1


@dataclass
class Backfill:
    """What a simulated backfill took.

    Attributes:
        shards: Shards of the corpus.
        per_run: Shards of a run.
        engines: Engines.
        hours: From the first launch to the last result.
        spent: Engines' hours by what they went for: `work` is the model's, `idle at the end` the wait for the last run.
    """

    shards: int
    per_run: int
    engines: int
    hours: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def efficiency(self) -> float:
        """Share of the engines' hours in which the model worked."""
        return self.spent["work"] / (self.hours * self.engines)

    @property
    def limit(self) -> str:
        """What most of the remaining hours went for."""
        return max((name for name in self.spent if name != "work"), key=self.spent.__getitem__)


def simulate(
    work_hours: float, shards: int, per_run: int, engines: int, overheads: Overheads, seed: int = 0
) -> Backfill:
    """Give the runs to engines as they become free, one launch after the other; failed runs go on at their last window.

    Args:
        work_hours: Hours of one engine for the whole corpus.
        shards: Shards.
        per_run: Shards of a run, which share an engine start.
        engines: Engines that work at a time.
        overheads: What a backfill costs besides.
        seed: Of the failures, and of the shards' sizes.
    """
    generator = random.Random(seed)  # noqa: S311 - a simulation
    sizes = [max(0.1, generator.gauss(1, overheads.spread)) for _ in range(shards)]
    second = work_hours * 3600 / sum(sizes)
    free = [0.0] * engines
    causes = ("work", "engine starts", "runs", "storage", "failures", "launches", "idle at the end")
    spent: dict[str, float] = dict.fromkeys(causes, 0.0)
    for number in range(ceil(shards / per_run)):
        of_run = sizes[number * per_run : (number + 1) * per_run]
        now = heapq.heappop(free)
        launched = max(now, number * overheads.launch)
        parts = {
            "work": sum(of_run) * second,
            "engine starts": overheads.start,
            "runs": overheads.run + len(of_run) * overheads.shard,
            "storage": len(of_run) * overheads.store,
        }
        failed = _failures(sum(parts.values()), overheads.failures / 3600, generator)
        parts["failures"] = failed * (overheads.window + overheads.start + overheads.run)
        parts["launches"] = launched - now
        for name, seconds in parts.items():
            spent[name] += seconds
        heapq.heappush(free, now + sum(parts.values()))
    end = max(free)
    spent["idle at the end"] = sum(end - engine for engine in free)
    result = Backfill(shards, per_run, engines, end / 3600)
    result.spent = {name: seconds / 3600 for name, seconds in spent.items()}
    return result


def best(
    work_hours: float,
    engines: int,
    overheads: Overheads,
    shard_counts: Sequence[int] | None = None,
    run_sizes: Sequence[int] = RUN_SIZES,
) -> Backfill:
    """Return the backfill that is done first, of all combinations of sizes; of equals the one with fewer shards.

    By default the numbers of shards are SHARD_COUNTS, and multiples of the engines.
    """
    if shard_counts is None:
        of_each = (engines * number for number in SHARDS_PER_ENGINE)
        shard_counts = (*SHARD_COUNTS, *(count for count in of_each if count <= SHARD_COUNTS[-1]))
    tried = (
        simulate(work_hours, shards, per_run, engines, overheads) for shards in shard_counts for per_run in run_sizes
    )
    return min(tried, key=lambda backfill: (round(backfill.hours, 3), backfill.shards))


def _failures(seconds: float, rate: float, generator: random.Random) -> int:
    """Return how often a run of some length fails, at a rate per second."""
    if rate <= 0:
        return 0
    count, passed = 0, generator.expovariate(rate)
    while passed < seconds:
        count, passed = count + 1, passed + generator.expovariate(rate)
    return count
