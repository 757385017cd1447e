"""Run one asset or command on one shard, and report its peak memory.

    python -m benchmarks.support.memory_step STEP --lake DIR --raw DIR --refiners rules

Prints a JSON object with `peak_bytes` and `seconds`. benchmarks/memory.py starts one such process per step and shard.
Assets run as under Dagster, with checks and metadata, but in this process and on an ephemeral instance.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from benchmarks.support.arguments import command_parser
from benchmarks.support.peak import peak_bytes
from prox_assets.catalog.lookup import find_documents
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.build import ignore_preview_warnings
from prox_assets.orchestration.components.refined_corpus import corpus_definitions
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.stages.execution.shard_replay import Replay, replay_shard

CORPUS = "pages"
PARTITIONED = ("raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics")
UNPARTITIONED = ("catalog", "refinement_report")
ASSETS = (*PARTITIONED, *UNPARTITIONED)


class StepFailedError(RuntimeError):
    """A step failed, so its memory means nothing."""


def asset_step(asset: str, lake: Lake, settings: CorpusSettings) -> None:
    """Materialize an asset of the lake's only shard and run its checks.

    Raises:
        StepFailedError: The asset or one of its checks failed.
    """
    ignore_preview_warnings()
    instance = dg.DagsterInstance.ephemeral()
    [shard] = prepare_partitions(instance, lake, settings, "memory").shards
    definitions = dg.Definitions.merge(
        corpus_definitions(settings),
        dg.Definitions(resources={"lake": LakeResource(url=lake.url), "engines": EnginesResource()}),
    )
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        partition_key=shard.key if asset in PARTITIONED else None,
        asset_selection=[settings.key(asset)],
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        raise_on_error=False,
    )
    checks = result.get_asset_check_evaluations()
    failed = [f"{check.check_name}: {check.description}" for check in checks if not check.passed]
    if not result.success or failed:
        raise StepFailedError(f"{asset} of {lake.url} failed {'; '.join(failed)}")


def replay_step(lake: Lake, settings: CorpusSettings) -> None:
    """Replay the shard.

    Raises:
        StepFailedError: A document came out different, or there are none.
    """
    found = Replay()
    for shard in lake.shards(settings.corpus, Table.DOCUMENTS):
        replay_shard(lake, settings.corpus, shard, found)
    if found.different or not found.documents:
        raise StepFailedError(f"replay of {lake.url}: {found.different} of {found.documents} documents differ")


def trace_step(lake: Lake, settings: CorpusSettings) -> None:
    """Find one document by its URL, with no compaction to help, and read everything done to it."""
    [hit] = find_documents(lake, "https://memory.example/0/0", [settings.corpus])
    read_trace(lake, hit.place)


COMMANDS: dict[str, Callable[[Lake, CorpusSettings], None]] = {"replay": replay_step, "trace": trace_step}


def settings_for(raw: Path, refiners: str) -> CorpusSettings:
    """Return the settings of a corpus over a folder's Parquet files."""
    attributes = {"corpus": CORPUS, "urls": [str(raw / "*.parquet")], "format": "parquet", "refiners": refiners}
    attributes["engine"] = {"kind": "transformers", "device": "cpu", "threads": 1}
    return CorpusSettings.model_validate(attributes)


def main(arguments: list[str] | None = None) -> int:
    """Run the step and print its cost; return 0."""
    parser = command_parser("support.memory_step", __doc__, pages=False)
    parser.add_argument("step", choices=[*ASSETS, *COMMANDS])
    parser.add_argument("--lake", required=True)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--refiners", default="rules")
    options = parser.parse_args(arguments)
    lake, settings = Lake(options.lake), settings_for(options.raw, options.refiners)
    start = time.monotonic()
    if options.step in COMMANDS:
        COMMANDS[options.step](lake, settings)
    else:
        asset_step(options.step, lake, settings)
    print(json.dumps({"peak_bytes": peak_bytes(), "seconds": time.monotonic() - start}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
