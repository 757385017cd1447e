"""`make chaos`, or `python -m benchmarks.chaos`: run every family of faults in turn, and print a table at the end.

Exits with 1 if anything did not hold. All randomness is seeded, but what a run is doing at a given moment also depends
on the machine's speed. Uses the bundled sample pages unless given labelled pages.
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
    cluster_kills,
    dagster_kills,
    disks,
    kills,
    object_store,
    out_of_memory,
    prompt_kills,
    servers,
    two_runs,
    vllm_kills,
)
from benchmarks.chaos.verdicts import Verdict, table
from benchmarks.chaos.world import World, WorldError
from benchmarks.support.arguments import add_pages_option, command_parser, positive

SHOWN_PROBLEMS = 6

FAMILIES: dict[str, Callable[[World], Iterator[Verdict]]] = {
    "kills": kills.run,
    "prompts": prompt_kills.run,
    "vllm": vllm_kills.run,
    "dagster": dagster_kills.run,
    "cluster": cluster_kills.run,
    "disks": disks.run,
    "store": object_store.run,
    "servers": servers.run,
    "memory": out_of_memory.run,
    "clocks": clocks.run,
    "two-runs": two_runs.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Inject the faults; return 1 if anything did not hold."""
    parser = command_parser("chaos", __doc__, pages=False)
    add_pages_option(parser, required=False)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="a new one by default")
    parser.add_argument("--kills", type=positive, default=100, help="kills of prox refine (100)")
    parser.add_argument("--only", action="append", choices=sorted(FAMILIES), help="run this family; repeatable")
    parser.add_argument("--work", type=Path, help="new folder for lakes and logs, kept; a temporary one by default")
    options = parser.parse_args(arguments)
    # Like Ctrl-C: servers and mounts are cleaned up, and the results so far are printed.
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
    found: list[Verdict] = []
    stopped = False
    try:
        for verdict in _verdicts(options, work):
            found.append(verdict)
            _print(verdict)
    except KeyboardInterrupt:
        stopped = True
    failed = [verdict for verdict in found if verdict.problems]
    print(f"\n{table(found)}\n")
    print(f"seed {options.seed}: {f'{len(failed)} did not hold' if failed else 'all held'}")
    if stopped:
        print("stopped before the end")
    return 1 if failed or stopped else 0


def _verdicts(options: argparse.Namespace, work: Path) -> Iterator[Verdict]:
    """Run the selected families, each in its own folder."""
    for name, family in FAMILIES.items():
        if options.only and name not in options.only:
            continue
        try:
            folder = work / name
            folder.mkdir()
            yield from family(World(folder, options.seed, options.kills, options.pages))
        except WorldError as error:
            yield Verdict(name, (str(error),), ("could not be tested",))


def _print(verdict: Verdict) -> None:
    """Print a verdict at once, so that a long run can be watched."""
    held = "did not hold" if verdict.problems else "held" if verdict.times else "skipped"
    print(
        f"{time.strftime('%H:%M:%S')} {verdict.fault}: {held}; {', '.join(sorted(set(verdict.observed)))}", flush=True
    )
    for problem in verdict.problems[:SHOWN_PROBLEMS]:
        print(f"    {problem}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
