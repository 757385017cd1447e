"""Dagster's overhead per partition in a backfill: ranged runs against one run per partition.

    python -m benchmarks.backfill_overhead [--step inference] [--partitions 40] [--per-run 1 8 40]

A deployment of real processes (webserver, daemon, code server, run workers, step processes; the project's dagster.yaml)
backfills `doc_programs` and `chunk_programs` of tiny shards (or with `--step refinement` `refined_shards` and
`quality_metrics`) the way the UI does, once for each number of partitions per run (`shards_per_run`, or
`cpu_shards_per_run`, of the corpus). The same stages are timed on the same shards without Dagster. Overhead per
partition is (backfill wall time - stage time) / partitions. Two more tables show where a run's time goes (medians over
runs, from Dagster's event log) and how long the code location takes to load. Needs no labelled pages: the refiners are
`rules`, and the shards are so small that their text does not matter.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml

from benchmarks.support.arguments import command_parser, positive
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.testing.dagster_deployment import PROJECT_ROOT, Deployment, running_deployment, wait_for

ASSETS = {"inference": ["doc_programs", "chunk_programs"], "refinement": ["refined_shards", "quality_metrics"]}
DOCUMENTS = 5
BACKFILL_SECONDS = 1_500
LOADS = 3
# Each phase of a run, as the Dagster events that begin and end it.
PHASES = {
    "queued": ("PIPELINE_ENQUEUED", "PIPELINE_STARTING"),
    "run worker starts": ("PIPELINE_STARTING", "PIPELINE_START"),
    "step process starts": ("PIPELINE_START", "STEP_START"),
    "steps": ("STEP_START", "STEP_SUCCESS"),
    "run ends": ("STEP_SUCCESS", "PIPELINE_SUCCESS"),
}


class BackfillFailedError(RuntimeError):
    """A backfill did not succeed, so its time means nothing."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """How long a backfill took, in seconds.

    Attributes:
        wall: From launch until Dagster reports it complete.
        working: From launch to the end of its last run. The daemon checks only every 30 s whether a backfill is done.
        started: From launch until its first run is queued, for which the daemon has to look, too.
        runs: Number of runs.
        phases: Median seconds of each phase of a run.
    """

    wall: float
    working: float
    started: float
    runs: int
    phases: dict[str, float]


def main(arguments: list[str] | None = None) -> int:
    """Run the backfills and print the tables; return 1 if one failed."""
    parser = command_parser("backfill_overhead", __doc__, pages=False)
    parser.add_argument("--step", choices=sorted(ASSETS), default="inference", help="what is backfilled (inference)")
    parser.add_argument("--partitions", type=positive, default=40, help="partitions to backfill (40)")
    parser.add_argument(
        "--per-run", type=positive, nargs="+", default=[1, 8, 40], help="partitions per run, one backfill each (1 8 40)"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="prox-backfill-") as folder:
        try:
            _measure(Path(folder), options.step, options.partitions, sorted(set(options.per_run)))
        except BackfillFailedError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _measure(folder: Path, step: str, partitions: int, sizes: list[int]) -> None:
    print("| code location, all that its start takes | s |\n|---|---|")
    for name, code in LOADING.items():
        print(f"| {name} | {statistics.median(_seconds_of(code) for _ in range(LOADS)):.2f} |", flush=True)
    raw = write_shards(folder / "raw", partitions)
    corpora = {f"per_run_{size}": attributes(raw, step, size) for size in sizes}
    alone = stages_alone(folder / "alone", step, corpora, partitions)
    print(f"\nstages of {partitions} partitions without Dagster: {alone:.2f} s")
    with (
        running_deployment(folder / "deployment", corpora) as deployment,
        dg.DagsterInstance.from_config(str(deployment.home)) as instance,
    ):
        done = {size: backfill(deployment, instance, step, f"per_run_{size}") for size in sizes}
    print("\n| partitions per run | runs | wall, s | overhead per partition, s | without the last look, s | ratio |")
    print("|---|---|---|---|---|---|")
    first = done[sizes[0]]
    for size, took in done.items():
        overhead = (took.wall - alone) / partitions
        working = (took.working - alone) / partitions
        ratio = (first.working - alone) / (took.working - alone)
        print(f"| {size} | {took.runs} | {took.wall:.0f} | {overhead:.2f} | {working:.2f} | {ratio:.1f} |")
    print(f"\n| a run of, median s | {' | '.join(PHASES)} |\n|---|{'---|' * len(PHASES)}")
    for size, took in done.items():
        print(f"| {size} | {' | '.join(f'{seconds:.2f}' for seconds in took.phases.values())} |")


# Each runs in a fresh interpreter, start-up included.
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
    """Write one small JSON-lines file per partition; return a glob pattern for them."""
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


def attributes(raw: str, step: str, per_run: int) -> dict[str, object]:
    """Return the attributes of a corpus whose runs have at most `per_run` partitions."""
    sizes = {"shards_per_run": per_run, "cpu_shards_per_run": per_run}
    if step == "refinement":
        sizes["shards_per_run"] = per_run + 1  # two equal sizes would not stay equal
    return {"urls": [raw], "format": "jsonl", "refiners": "rules", **sizes, "report_schedule": None}


def stages_alone(folder: Path, step: str, corpora: dict[str, dict[str, object]], partitions: int) -> float:
    """Return the seconds that the step's two stages take on all shards in this process, without Dagster."""
    name, given = next(iter(corpora.items()))
    settings = CorpusSettings.model_validate({"corpus": name, **given})
    lake = Lake(str(folder))
    with dg.instance_for_test() as instance:
        runs = _prepare(instance, lake, settings, step)
    if len(runs) != partitions:
        raise BackfillFailedError(f"found {len(runs)} shards instead of {partitions}")
    start = time.monotonic()
    (_infer if step == "inference" else _refine)(settings, runs)
    return time.monotonic() - start


def _prepare(instance: dg.DagsterInstance, lake: Lake, settings: CorpusSettings, step: str) -> list[ShardRun]:
    """Register the partitions and make what the step reads, without Dagster; return a run for each."""
    found = prepare_partitions(instance, lake, settings, "raw")
    runs = [ShardRun(lake, settings.plan, shard.key, "raw") for shard in found.shards]
    for run in runs:
        read_raw_shard(run)
    if step == "refinement":
        _infer(settings, runs)
    return runs


def _infer(settings: CorpusSettings, runs: list[ShardRun]) -> None:
    with settings.plan.session("doc") as doc:
        for run in runs:
            write_document_programs(run, doc)
    with settings.plan.session("chunk") as chunk:
        for run in runs:
            write_chunk_programs(run, chunk)


def _refine(settings: CorpusSettings, runs: list[ShardRun]) -> None:
    for run in runs:
        refine_shard(run)
        measure_shard(run)


def backfill(deployment: Deployment, instance: dg.DagsterInstance, step: str, corpus: str) -> Backfill:
    """Backfill a step's assets for all shards of a corpus; return how long the backfill took.

    Raises:
        BackfillFailedError: The backfill did not succeed.
    """
    file = deployment.home.parent / "shop" / "defs" / corpus / "defs.yaml"
    settings = CorpusSettings.model_validate(yaml.safe_load(file.read_text())["attributes"])
    keys = [run.shard for run in _prepare(instance, Lake(str(deployment.lake)), settings, step)]
    launched = time.time()
    backfill_id = deployment.launch_backfill(corpus, ASSETS[step], keys)

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
        started=min(record.create_timestamp.timestamp() for record in records) - launched,
        runs=len(records),
        phases={name: statistics.median(phase[name] for phase in phases) for name in PHASES},
    )


def _phases(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Return the seconds of each phase of a run; `steps` is from the first step's start to the last step's end."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for entry in instance.all_logs(run_id):
        if entry.dagster_event is not None:
            kind = entry.dagster_event.event_type_value
            first.setdefault(kind, entry.timestamp)
            last[kind] = entry.timestamp
    # Only step events repeat within a run: take the first start and the last success.
    return {
        name: last[end] - (last if begin == "STEP_SUCCESS" else first)[begin]
        if "STEP_SUCCESS" in (begin, end)
        else first[end] - first[begin]
        for name, (begin, end) in PHASES.items()
    }


if __name__ == "__main__":
    sys.exit(main())
