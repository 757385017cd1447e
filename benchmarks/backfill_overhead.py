"""What Dagster costs per partition: a backfill with ranged runs against one with a run for every partition.

    python -m benchmarks.backfill_overhead [--partitions 40] [--per-run 1 8 40]

A deployment of real processes (webserver, daemon, code server, run workers, step processes; the project's dagster.yaml)
backfills `doc_programs` and `chunk_programs` of tiny shards as the UI does, once for each number of partitions per run
(`shards_per_run` of the corpus). The stages' own time is measured on the same shards without Dagster; overhead per
partition is (wall time of the backfill - stages) / partitions. Beside it stands where the time of a run goes, medians
over the runs from Dagster's own event log, and what loading the code location takes. Needs no pages: the refiners are
`rules`, and the shards so small that their text does not matter.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.testing.dagster_deployment import (
    PROJECT_ROOT,
    Deployment,
    running_deployment,
    wait_for,
)

ASSETS = ["doc_programs", "chunk_programs"]
DOCUMENTS = 5
BACKFILL_SECONDS = 1_500
LOADS = 3
# From one moment of a run to the next, in Dagster's own words.
PHASES = {
    "queued": ("PIPELINE_ENQUEUED", "PIPELINE_STARTING"),
    "run worker starts": ("PIPELINE_STARTING", "PIPELINE_START"),
    "step process starts": ("PIPELINE_START", "STEP_START"),
    "steps": ("STEP_START", "STEP_SUCCESS"),
    "run ends": ("STEP_SUCCESS", "PIPELINE_SUCCESS"),
}


class BackfillFailedError(RuntimeError):
    """A backfill did not end in success; its time means nothing."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a backfill took, in seconds.

    Attributes:
        wall: From its launch to its end, as Dagster notes them.
        working: From its launch to the end of its last run: the daemon looks every 30 s whether a backfill is done.
        runs: How many runs it had.
        phases: Median seconds of a run's phases.
    """

    wall: float
    working: float
    runs: int
    phases: dict[str, float]


def main(arguments: list[str] | None = None) -> int:
    """Run the backfills, print the tables; return 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.backfill_overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--partitions", type=int, default=40)
    parser.add_argument("--per-run", type=int, nargs="+", default=[1, 8, 40], help="Partitions per run, each in turn.")
    options = parser.parse_args(arguments)
    if options.partitions < 1 or min(options.per_run) < 1:
        parser.error("--partitions and --per-run must be at least 1")
    with tempfile.TemporaryDirectory(prefix="prox-backfill-") as folder:
        try:
            _measure(Path(folder), options.partitions, sorted(set(options.per_run)))
        except BackfillFailedError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _measure(folder: Path, partitions: int, ways: list[int]) -> None:
    print("| code location, all that its start takes | s |\n|---|---|")
    for name, code in LOADING.items():
        print(f"| {name} | {statistics.median(_seconds_of(code) for _ in range(LOADS)):.2f} |", flush=True)
    raw = write_shards(folder / "raw", partitions)
    corpora = {f"per_run_{way}": attributes(raw, way) for way in ways}
    alone = stages_alone(folder / "alone", corpora, partitions)
    print(f"\nstages of {partitions} partitions without Dagster: {alone:.2f} s")
    with running_deployment(folder / "deployment", corpora) as deployment, instance_of(deployment) as instance:
        done = {way: backfill(deployment, instance, f"per_run_{way}") for way in ways}
    print("\n| partitions per run | runs | wall, s | overhead per partition, s | without the last look, s | ratio |")
    print("|---|---|---|---|---|---|")
    first = done[ways[0]]
    for way, took in done.items():
        overhead = (took.wall - alone) / partitions
        working = (took.working - alone) / partitions
        ratio = (first.working - alone) / (took.working - alone)
        print(f"| {way} | {took.runs} | {took.wall:.0f} | {overhead:.2f} | {working:.2f} | {ratio:.1f} |")
    print(f"\n| a run of, median s | {' | '.join(PHASES)} |\n|---|{'---|' * len(PHASES)}")
    for way, took in done.items():
        print(f"| {way} | {' | '.join(f'{seconds:.2f}' for seconds in took.phases.values())} |")


# Each in an interpreter of its own, whose start is part of it.
LOADING = {
    "nothing": "pass",
    "import dagster": "import dagster",
    "import prox_assets.definitions": "import prox_assets.definitions",
    "all definitions": "import prox_assets.definitions as d; d.defs().resolve_asset_graph()",
}


def _seconds_of(code: str) -> float:
    start = time.monotonic()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=PROJECT_ROOT, check=True)
    return time.monotonic() - start


def write_shards(folder: Path, partitions: int) -> str:
    """Write so many JSON-lines files of a few documents; return the pattern that finds them."""
    folder.mkdir(parents=True)
    for shard in range(partitions):
        rows = [
            {
                "text": "Home | About\n" + "\n".join(f"Line {n} of page {row} tells of boats." for n in range(6)),
                "url": f"https://backfill.example/{shard}/{row}",
            }
            for row in range(DOCUMENTS)
        ]
        (folder / f"part-{shard:04d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "*.jsonl")


def attributes(raw: str, per_run: int) -> dict[str, object]:
    """Return the attributes of a corpus whose inference runs have at most so many partitions."""
    return {"urls": [raw], "format": "jsonl", "refiners": "rules", "shards_per_run": per_run, "report_schedule": None}


def stages_alone(folder: Path, corpora: dict[str, dict[str, object]], partitions: int) -> float:
    """Return the seconds that the two stages take on all shards, in this process."""
    name, given = next(iter(corpora.items()))
    settings = CorpusSettings.model_validate({"corpus": name, **given})
    lake = Lake(str(folder))
    with dg.instance_for_test() as instance:
        runs = _read_shards(instance, lake, settings)
    if len(runs) != partitions:
        raise BackfillFailedError(f"{len(runs)} shards were found, not {partitions}")
    start = time.monotonic()
    with settings.plan.session("doc") as doc:
        for run in runs:
            write_document_programs(run, doc)
    with settings.plan.session("chunk") as chunk:
        for run in runs:
            write_chunk_programs(run, chunk)
    return time.monotonic() - start


def _read_shards(instance: dg.DagsterInstance, lake: Lake, settings: CorpusSettings) -> list[ShardRun]:
    """Add the partitions and read their documents; return the runs."""
    found = prepare_partitions(instance, lake, settings, "raw")
    runs = [ShardRun(lake, settings.plan, shard.key, "raw") for shard in found.shards]
    for run in runs:
        read_raw_shard(run)
    return runs


@contextmanager
def instance_of(deployment: Deployment) -> Iterator[dg.DagsterInstance]:
    """Give the instance of a deployment, to prepare partitions and to read the event log."""
    with dg.DagsterInstance.from_config(str(deployment.home)) as instance:
        yield instance


def backfill(deployment: Deployment, instance: dg.DagsterInstance, corpus: str) -> Backfill:
    """Backfill a corpus whose documents are read first, without Dagster, and say what it took.

    Raises:
        BackfillFailedError: It did not end in success.
    """
    given = deployment.home.parent / "shop" / "defs" / corpus / "defs.yaml"
    settings = _settings(given)
    keys = [run.shard for run in _read_shards(instance, Lake(str(deployment.lake)), settings)]
    launched = time.time()
    backfill_id = deployment.launch_backfill(corpus, ASSETS, keys)

    def ended() -> bool:
        found = instance.get_backfill(backfill_id)
        return found is not None and found.status.value.startswith(("COMPLETED", "FAILED", "CANCELED"))

    wait_for(ended, BACKFILL_SECONDS, f"the backfill of {corpus}; see {deployment.log}", every=0.5)
    finished = time.time()
    status = deployment.backfill_status(backfill_id)
    if status != "COMPLETED_SUCCESS":
        raise BackfillFailedError(f"the backfill of {corpus} ended as {status}; see {deployment.log}")
    records = instance.get_run_records(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
    phases = [_phases(instance, record.dagster_run.run_id) for record in records]
    return Backfill(
        wall=finished - launched,
        working=max(record.end_time or 0.0 for record in records) - launched,
        runs=len(records),
        phases={name: statistics.median(phase[name] for phase in phases) for name in PHASES},
    )


def _settings(file: Path) -> CorpusSettings:
    return CorpusSettings.model_validate(yaml.safe_load(file.read_text())["attributes"])


def _phases(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Return the seconds of a run's phases; its steps last from the first one's start to the last one's end."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for entry in instance.all_logs(run_id):
        if entry.dagster_event is not None:
            kind = entry.dagster_event.event_type_value
            first.setdefault(kind, entry.timestamp)
            last[kind] = entry.timestamp
    # Only steps happen more than once: they begin with the first and end with the last.
    return {
        name: last[end] - (last if begin == "STEP_SUCCESS" else first)[begin]
        if "STEP_SUCCESS" in (begin, end)
        else first[end] - first[begin]
        for name, (begin, end) in PHASES.items()
    }


if __name__ == "__main__":
    sys.exit(main())
