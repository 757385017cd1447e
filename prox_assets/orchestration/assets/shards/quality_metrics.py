"""Asset `quality_metrics`: see `prox_assets.stages.quality_metrics`."""

from typing import Any

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.history import share
from prox_assets.orchestration.assets.shards.shard_assets import ShardAsset
from prox_assets.orchestration.metadata import HEADLINES, numbers
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages import quality_metrics as stage
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.states.identities import METRICS_VERSION

DESCRIPTION = """Numbers about a shard's refinement: documents, text in and out, outcomes, programs, signals, cost.

Writes `shard_metrics` (the latest) and `shard_metrics_history` (every run)."""


def quality_metrics_asset(settings: CorpusSettings) -> ShardAsset:
    """Describe the asset; refinement.py makes it."""
    return ShardAsset(
        name=stage.ASSET,
        table=Table.SHARD_METRICS,
        deps=(refined_shards.ASSET,),
        fingerprint=METRICS_VERSION,
        kinds=frozenset({"polars", "parquet"}),
        description=DESCRIPTION,
        joins_dep=True,
    )


def shown_metrics(row: dict[str, Any]) -> dict[str, Any]:
    """Return the headline numbers of a metrics row, which the UI plots over shards; the report has all the others."""
    programs = row["chunks"] - row["chunks_skipped"]
    return numbers(
        {**{name: row[name] for name in HEADLINES}, "failed_programs": share(row["programs_failed"], programs)}
    )
