"""`make chaos`, or `python -m benchmarks.chaos`: every family of faults, one after the other, and a table at the end.

Exits with 1 when something did not hold. What is left to chance follows from the seed; how fast the machine is decides
what exactly a moment hits.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.chaos import (
    clocks,
    dagster_kills,
    disks,
    kills,
    memory,
    object_store,
    prompt_kills,
    servers,
    two_runs,
    vllm_kills,
)
from benchmarks.chaos.verdicts import Finding, table
from benchmarks.chaos.world import World, WorldError
from benchmarks.support.pages import default_pages_path
from prox_assets.training.data.pages import PAGES_VARIABLE

SHOWN_PROBLEMS = 6

FAMILIES: dict[str, Callable[[World], Iterator[Finding]]] = {
    "kills": kills.run,
    "prompts": prompt_kills.run,
    "vllm": vllm_kills.run,
    "dagster": dagster_kills.run,
    "disks": disks.run,
    "store": object_store.run,
    "servers": servers.run,
    "memory": memory.run,
    "clocks": clocks.run,
    "two-runs": two_runs.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Cause the faults; return 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 1_000_000, help="of all chance; a new one by default"
    )
    parser.add_argument("--kills", type=int, default=100, help="kills through prox refine")
    parser.add_argument("--only", action="append", choices=sorted(FAMILIES), help="one family; may be repeated")
    parser.add_argument(
        "--pages",
        type=Path,
        default=default_pages_path(),
        help=f"Parquet file of labelled pages (or {PAGES_VARIABLE}); the bundled sample by default",
    )
    parser.add_argument("--work", type=Path, help="new folder for lakes and logs, kept; a temporary one by default")
    options = parser.parse_args(arguments)
    if options.pages is not None and not options.pages.is_file():
        parser.error(f"there is no file {options.pages}; correct --pages or {PAGES_VARIABLE}")
    if options.kills < 1:
        parser.error("--kills must be at least 1")
    # As Ctrl-C does: servers and mounts end with their blocks, and what was seen so far is told.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as temporary:
        work: Path = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        if any(work.iterdir()):
            parser.error(f"{work} is not empty")
        return _run(options, work.resolve())


def _run(options: argparse.Namespace, work: Path) -> int:
    print(f"seed {options.seed}, pages of {options.pages or 'the bundled sample'}", flush=True)
    found: list[Finding] = []
    stopped = False
    try:
        for finding in _findings(options, work):
            found.append(finding)
            _print(finding)
    except KeyboardInterrupt:
        stopped = True
    failed = [finding for finding in found if finding.problems]
    print(f"\n{table(found)}\n")
    print(f"seed {options.seed}: {'all held' if not failed else f'{len(failed)} findings did not hold'}")
    if stopped:
        print("stopped before the end")
    return 1 if failed or stopped else 0


def _findings(options: argparse.Namespace, work: Path) -> Iterator[Finding]:
    """Run the families that are wanted, each in a folder of its own."""
    for name, family in FAMILIES.items():
        if options.only and name not in options.only:
            continue
        try:
            folder = work / name
            folder.mkdir()
            yield from family(World(folder, options.seed, options.kills, options.pages))
        except WorldError as error:
            yield Finding(name, (str(error),), ("could not be tried",))


def _print(finding: Finding) -> None:
    """Say at once what came of a fault, so that a long run can be watched."""
    held = "did not hold" if finding.problems else "held" if finding.times else "skipped"
    print(f"{time.strftime('%H:%M:%S')} {finding.fault}: {held}; {', '.join(sorted(set(finding.seen)))}", flush=True)
    for problem in finding.problems[:SHOWN_PROBLEMS]:
        print(f"    {problem}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
