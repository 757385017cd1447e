"""`make demo`: refine the bundled sample corpus through Dagster and print a summary.

It materializes the corpus's assets for every shard, on the instance that `make ui` shows afterwards.
"""

import os
import sys
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from prox_assets.cli.views.outcomes import outcome_table, preview_lines
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.previews import edit_previews
from prox_assets.monitoring.report.write import report_place
from prox_assets.orchestration.assets import catalog, refinement_report
from prox_assets.orchestration.build import build_defs
from prox_assets.orchestration.instance import PROJECT_FILE, default_home, prepare_instance, process_tag
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import shard_partitions

CORPUS = "sample"
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}

NEXT = """
What to look at next

  make ui                     the same shards in the Dagster UI: http://127.0.0.1:3000
  .venv/bin/prox shards       the lake's shards and their state
  .venv/bin/prox --help       refine your own files: prox refine pages.jsonl.gz --lake my-lake
  {refined}
                              the refined text, one Parquet file per shard
  {report}
                              the report: open it in a browser
"""


def main() -> int:
    """Refine the sample corpus; return the process's exit code."""
    console = Console(highlight=False)
    instance = prepare_instance(default_home(), Path(PROJECT_FILE))
    lake = LakeResource().open()
    defs = build_defs()
    discovered = defs.resolve_job_def(f"discover_{CORPUS}_shards").execute_in_process(
        instance=instance, run_config=QUIET
    )
    if not discovered.success:
        return 1
    shards = instance.get_dynamic_partitions(shard_partitions(CORPUS).name or "")
    job = defs.resolve_implicit_global_asset_job_def()
    of_corpus = [dg.AssetKey([CORPUS, asset]) for asset in (catalog.ASSET, refinement_report.ASSET)]
    keys = defs.resolve_asset_graph().materializable_asset_keys
    assets = [key for key in keys if key.path[0] == CORPUS and key not in of_corpus]
    metrics: dict[str, dict[str, Any]] = {}

    def materialized(what: str, selection: list[dg.AssetKey], shard: str | None = None) -> bool:
        with console.status(what):
            result = job.execute_in_process(
                instance=instance,
                partition_key=shard,
                asset_selection=selection,
                run_config=QUIET,
                tags=process_tag(),
                raise_on_error=False,
            )
        if not result.success:
            console.print(f"[bold red]{what} failed[/]: run {result.run_id}; `make ui` shows its log")
        return result.success

    for number, shard in enumerate(shards, 1):
        if not materialized(f"refining {shard} ({number} of {len(shards)})", assets, shard):
            return 1
        metrics[shard] = next(lake.rows(CORPUS, Table.SHARD_METRICS, shard))
    if not materialized("writing catalog and report", of_corpus):
        return 1
    _report(console, lake, metrics)
    return 0


def _report(console: Console, lake: Lake, metrics: dict[str, dict[str, Any]]) -> None:
    console.print(outcome_table(metrics))
    for row in metrics.values():
        fates = row["kept_unchanged"] + row["kept_edited"] + row["dropped_by_document"] + row["dropped_by_chunks"]
        if row["documents_in"] != fates + row["quarantined"]:
            raise dg.DagsterInvariantViolationError(f"documents of {row['shard']} do not add up: {row}")
    console.print("Before and after (- removed, + added):")
    for shard in list(metrics)[:2]:
        for line in preview_lines(edit_previews(lake, CORPUS, shard, count=1)):
            console.print(line, soft_wrap=True)
    console.print(
        NEXT.format(refined=lake.uri(CORPUS, Table.REFINED, next(iter(metrics))), report=report_place(lake, CORPUS)),
        markup=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # With Dagster and a model in one process, DuckDB 2's bindings print pages about leaked types while the interpreter
    # shuts down (seen only where the development packages are missing). Nothing is left to be done by then.
    os._exit(code)
