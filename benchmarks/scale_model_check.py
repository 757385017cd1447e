"""The model of backfills against a real one: `python -m benchmarks.scale_model_check --pages FILE`.

Predicts, as `prox estimate` does, what inference of a small corpus takes on one engine: the first shard is timed, and
`stages/backfill_model.py` adds starts, processes and events. Then a deployment of real processes (webserver, daemon,
code server) does it as a backfill, once for each number of shards per run, with the bundled refiner on this machine's
processors. All shards have the same pages, so that only the model is judged and no sample. The measured time begins
when the first run is queued, because the daemon's look at backfills, up to 30 seconds, is no part of the model. Fails
where they differ by more than TOLERANCE of the measured time. Run it on a quiet machine.
"""

import json
import sys
import tempfile
from itertools import islice
from pathlib import Path

import dagster as dg

from benchmarks.backfill_overhead import BackfillFailedError, backfill
from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.pages import read_pages
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.stages.backfill_model import Overheads, simulate
from prox_assets.stages.cost_estimate import estimate_cost
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
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="prox-scale-") as folder:
        raw = Path(folder) / "raw"
        raw.mkdir()
        rows = [
            json.dumps({"text": page.text, "url": page.url})
            for page in islice(read_pages(options.pages), options.documents)
        ]
        for number in range(options.shards):
            (raw / f"part-{number:03}.jsonl").write_text("".join(f"{row}\n" for row in rows))
        corpora = {f"per_run_{size}": _attributes(raw, size) for size in options.per_run}
        name, attributes = next(iter(corpora.items()))
        plan = CorpusSettings.model_validate({"corpus": name, **attributes}).plan
        estimate = estimate_cost(plan, options.documents, seed=0)
        overheads = Overheads(start=sum(timing.start_seconds for timing in estimate.timings), **LOCAL)
        print(
            f"{options.shards} shards of {options.documents} pages: {3600 * estimate.engine_hours:.1f} s of an engine, "
            f"{overheads.start:.1f} s to start both levels\n"
        )
        print("| shards per run | runs | predicted, s | measured, s | predicted / measured |\n|---|---|---|---|---|")
        wrong = 0
        with (
            running_deployment(Path(folder) / "deployment", corpora) as deployment,
            dg.DagsterInstance.from_config(str(deployment.home)) as instance,
        ):
            for size in options.per_run:
                predicted = 3600 * simulate(estimate.engine_hours, options.shards, size, 1, overheads).hours
                try:
                    done = backfill(deployment, instance, "inference", f"per_run_{size}")
                except BackfillFailedError as error:
                    print(error, file=sys.stderr)
                    return 1
                measured = done.working - done.started
                wrong += abs(predicted / measured - 1) > TOLERANCE
                print(f"| {size} | {done.runs} | {predicted:.1f} | {measured:.1f} | {predicted / measured:.2f} |")
                print(f"phases: {done.phases}", file=sys.stderr, flush=True)
    return 1 if wrong else 0


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
