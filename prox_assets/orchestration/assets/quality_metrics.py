"""Asset `quality_metrics`: see `prox_assets.stages.quality_metrics`."""

from typing import Any

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.history import share
from prox_assets.orchestration.assets.shard_assets import ShardAsset, cpu_asset
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.metadata import HEADLINES, numbers
from prox_assets.stages import quality_metrics as stage
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.identities import METRICS_VERSION
from prox_assets.stages.run import ShardRun

DESCRIPTION = """Numbers about a shard's refinement: documents, text in and out, outcomes, programs, signals, cost.

Writes `shard_metrics` (the latest) and `shard_metrics_history` (every run)."""


def build_quality_metrics(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""
    asset = ShardAsset(
        name=stage.ASSET,
        table=Table.SHARD_METRICS,
        deps=(refined_shards.ASSET,),
        fingerprint=METRICS_VERSION,
        kinds=frozenset({"polars", "parquet"}),
        description=DESCRIPTION,
    )

    def work(run: ShardRun) -> dict[str, Any]:
        return shown_metrics(stage.measure_shard(run))

    return cpu_asset(settings, asset, work)


def shown_metrics(row: dict[str, Any]) -> dict[str, Any]:
    """Return the headline numbers of a metrics row, which the UI plots over shards; the report has all the others."""
    programs = row["chunks"] - row["chunks_skipped"]
    return numbers(
        {**{name: row[name] for name in HEADLINES}, "failed_programs": share(row["programs_failed"], programs)}
    )
