"""The model of backfills against a real one: `python -m benchmarks.scale_model_check --pages FILE`.

Predicts, as `prox estimate` does, what inference of a small corpus takes on one engine: the first shard is timed, and
`stages/estimates/backfill.py` adds starts, processes and events. Then a deployment of real processes (webserver,
daemon, code server) does it as a backfill, once for each number of shards per run, with the bundled refiner on this
machine's processors. All shards have the same pages, so that only the model is judged and no sample. The measured time
begins when the first run is queued, because the model leaves out the daemon's look at backfills, up to 30 seconds. A
shard is timed before each backfill and after it, in a process of its own, and the mean is taken, so that a machine that
slows down meanwhile says so: the table has both. Fails where prediction and measurement differ by more than TOLERANCE.
Run it on a quiet machine.
"""

import json
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

import dagster as dg

from benchmarks.backfill_overhead import BackfillFailedError, backfill
from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.pages import read_pages
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.estimates.backfill import Overheads, simulate
from prox_assets.stages.estimates.cost import estimate_cost
from prox_assets.testing.dagster_deployment import running_deployment

TOLERANCE = 0.15
# The lake is a folder, nothing is expected to fail in minutes, and all shards are equal.
LOCAL = {"store": 0.0, "failures": 0.0, "spread": 0.0}


def main(arguments: list[str] | None = None) -> int:
    """Print predicted and measured times; return 1 if they differ too much."""
    parser = command_parser("scale_model_check", __doc__)
    parser.add_argument("--shards", type=positive, default=12, help="shards (12)")
    parser.add_argument("--documents", type=positive, default=8, help="pages of a shard (8)")
    parser.add_argument("--per-run", type=positive, nargs="+", default=[3, 6], help="shards of a run, a backfill each")
    parser.add_argument("--estimate", metavar="FOLDER", help="what a subprocess does: time a shard of these raw files")
    options = parser.parse_args(arguments)
    if options.estimate:
        print(json.dumps(_time_a_shard(Path(options.estimate), options.documents)))
        return 0
    with tempfile.TemporaryDirectory(prefix="prox-scale-") as folder:
        raw = Path(folder) / "raw"
        raw.mkdir()
        pages = islice(read_pages(options.pages), options.documents)
        rows = [json.dumps({"text": page.text, "url": page.url}) for page in pages]
        for number in range(options.shards):
            (raw / f"part-{number:03}.jsonl").write_text("".join(f"{row}\n" for row in rows))
        print(f"{options.shards} shards of {options.documents} pages, seconds\n")
        print(
            "| shards per run | runs | a shard, before / after | start, before / after | predicted | measured | ratio |"
        )
        print("|---|---|---|---|---|---|---|")
        wrong = 0
        corpora = {f"per_run_{size}": _attributes(raw, size) for size in options.per_run}
        with (
            running_deployment(Path(folder) / "deployment", corpora) as deployment,
            dg.DagsterInstance.from_config(str(deployment.home)) as instance,
        ):
            for size in options.per_run:
                before = _estimate(raw, options.documents, options.pages)
                try:
                    done = backfill(deployment, instance, "inference", f"per_run_{size}")
                except BackfillFailedError as error:
                    print(error, file=sys.stderr)
                    return 1
                after = _estimate(raw, options.documents, options.pages)
                shard, start = (sum(each) / 2 for each in zip(before, after, strict=True))
                work_hours = shard * options.shards / 3600
                overheads = Overheads(start=start, **LOCAL)
                predicted = 3600 * simulate(work_hours, options.shards, size, 1, overheads).hours
                measured = done.working - done.started
                wrong += abs(predicted / measured - 1) > TOLERANCE
                print(
                    f"| {size} | {done.runs} | {before[0]:.1f} / {after[0]:.1f} | {before[1]:.1f} / {after[1]:.1f} "
                    f"| {predicted:.0f} | {measured:.0f} | {predicted / measured:.2f} |"
                )
                print(f"medians of a run's phases, s: {done.phases}", file=sys.stderr, flush=True)
    return 1 if wrong else 0


def _estimate(raw: Path, documents: int, pages: Path) -> tuple[float, float]:
    """Return the seconds that a shard takes, and those that the engines of both levels take to start."""
    command = [sys.executable, "-m", "benchmarks.scale_model_check", "--pages", str(pages), "--estimate", str(raw)]
    command += ["--documents", str(documents)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    shard, start = json.loads(told.splitlines()[-1])
    return shard, start


def _time_a_shard(raw: Path, documents: int) -> tuple[float, float]:
    plan = CorpusSettings.model_validate({"corpus": "timed", **_attributes(raw, 1)}).plan
    timings = estimate_cost(plan, documents, seed=0).timings
    return sum(timing.seconds for timing in timings), sum(timing.start_seconds for timing in timings)


def _attributes(raw: Path, per_run: int) -> dict[str, object]:
    return {
        "urls": [str(raw / "*.jsonl")],
        "format": "jsonl",
        "refiners": "bundled",
        "shards_per_run": per_run,
        "report_schedule": None,
    }


if __name__ == "__main__":
    sys.exit(main())
