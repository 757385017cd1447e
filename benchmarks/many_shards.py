"""What commands cost with many shards: `python -m benchmarks.many_shards --work DIR [--shards 2000 20000]`.

Makes a synthetic lake of each size (benchmarks/synthetic_lake.py) of tiny shards, so that the number of files is what
costs, and runs commands over it one after the other, each in a process of its own: first without a compaction, then
with one. The tables have wall and CPU seconds and peak memory. Then the pages of `prox browse`, through the application
itself. Lakes are kept in --work with --keep, and used by the next call, which removes their compactions first.
"""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.browser_pages import page_times
from benchmarks.support.commands import PROX, CommandFailedError
from benchmarks.synthetic_lake import CORPUS, make_lake
from prox_assets.lake.footers import forget_footers
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

COUNT = "SELECT count(*), sum(documents_in) FROM shard_metrics"
ONE_ROW = "SELECT * FROM doc_programs LIMIT 1"
CHECKS = "checks up_to_date"
# Each after those before it: what one leaves in the lake serves the next.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "prox catalog build": ("catalog", "build"),
    "prox sql, a sum of metrics": ("sql", COUNT),
    "prox sql, one row of doc_programs": ("sql", ONE_ROW),
    "prox shards": ("shards",),
    CHECKS: (),
    f"{CHECKS}, again": (),
    "prox shards, after the checks": ("shards",),
    "prox report": ("report",),
    "prox catalog compact": ("catalog", "compact"),
    "prox catalog compact, nothing new": ("catalog", "compact"),
    "prox sql, a sum of metrics, compacted": ("sql", COUNT),
    "prox report, compacted": ("report",),
    "prox metrics, compacted": ("metrics",),
}
PAGES = ("corpora", "shards of a corpus", "one shard", "documents", "a sample, its first document", "one document")


@dataclass(frozen=True)
class Cost:
    """What a command cost: seconds by the clock and of processors, and the peak of its memory in MiB."""

    wall: float
    cpu: float
    mebibytes: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} | {self.cpu:.1f} | {self.mebibytes:.0f}"


def main() -> int:
    """Print the tables."""
    parser = command_parser("many_shards", __doc__, pages=False)
    parser.add_argument("--work", type=Path, help="folder of the lakes")
    parser.add_argument("--shards", type=positive, nargs="+", default=[2_000, 20_000], help="sizes (2000 20000)")
    parser.add_argument("--documents", type=positive, default=5, help="documents of a shard (5)")
    parser.add_argument("--keep", action="store_true", help="keep the lakes")
    parser.add_argument("--checks", help="what a subprocess does: evaluate the checks of this lake")
    options = parser.parse_args()
    if options.checks:
        return _evaluate_checks(Lake(options.checks))
    costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    pages: dict[str, list[float]] = {name: [] for name in PAGES}
    for shards in options.shards:
        lake = _lake(options.work / str(shards), shards, options.documents)
        for name, arguments in COMMANDS.items():
            command = [sys.executable, "-m", "benchmarks.many_shards", "--checks", lake.url]
            costs[name].append(_run([*PROX, *arguments, "--lake", lake.url] if arguments else command))
            print(f"{shards:,} shards: {name}: {costs[name][-1]}", flush=True)
        times = page_times(lake, CORPUS)
        for name, seconds in pages.items():
            seconds.append(times[name])
        if not options.keep:
            shutil.rmtree(options.work / str(shards))
    sizes = "".join(f" {shards:,} shards: s | CPU s | MiB |" for shards in options.shards)
    print(f"\n| |{sizes}\n|---|{'---|' * 3 * len(options.shards)}")
    for name, taken in costs.items():
        print(f"| {name} | {' | '.join(map(str, taken))} |")
    print(f"\n| page | {' | '.join(f'{shards:,} shards, ms' for shards in options.shards)} |")
    print(f"|---|{'---|' * len(options.shards)}")
    for name, seconds in pages.items():
        print(f"| {name} | {' | '.join(f'{1000 * second:.0f}' for second in seconds)} |")
    return 0


def _lake(folder: Path, shards: int, documents: int) -> Lake:
    lake = Lake(str(folder))
    if len(lake.shards(CORPUS, Table.SHARD_METRICS)) != shards:
        shutil.rmtree(folder, ignore_errors=True)
        lake = make_lake(folder, shards, documents)
    for left in ("compacted", "report"):
        lake.storage.remove(f"{CORPUS}/{left}")
    forget_footers(lake, CORPUS)
    return lake


def _run(command: list[str]) -> Cost:
    """Run a command in a process of its own.

    Raises:
        CommandFailedError: It failed.
    """
    began = time.monotonic()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status):
        raise CommandFailedError(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _evaluate_checks(lake: Lake) -> int:
    """Evaluate the checks of all shards, as the sensor does that lists the source."""
    from prox_assets.orchestration.checks import up_to_date
    from prox_assets.orchestration.settings.corpus import CorpusSettings
    from prox_assets.stages.states.shard_states import STAGES

    settings = CorpusSettings.model_validate({"corpus": CORPUS, "urls": ["raw"], "refiners": "rules"})
    list(up_to_date.results(settings, lake, (*STAGES, up_to_date.CATALOG, up_to_date.REPORT)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
