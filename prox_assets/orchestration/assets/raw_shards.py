"""Asset `raw_shards`: see `prox_assets.stages.raw_shards`."""

from typing import Any

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shard_assets import ShardAsset, cpu_asset
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.metadata import link
from prox_assets.stages import raw_shards as stage
from prox_assets.stages.discovery import known_shard
from prox_assets.stages.run import ShardRun

DESCRIPTION = """Raw files as documents: one row per document in `documents`, one per unreadable row in `rejects`.

A file that cannot be read at all fails its partition, and nothing is written."""


def build_raw_shards(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""
    asset = ShardAsset(
        name=stage.ASSET,
        table=Table.DOCUMENTS,
        deps=(),
        fingerprint=settings.plan.ingest_fingerprint,
        kinds=frozenset({"python", "parquet"}),
        description=DESCRIPTION,
    )

    def work(run: ShardRun) -> dict[str, Any]:
        summary = stage.read_raw_shard(run)
        return {
            "documents": summary.documents,
            "rows_rejected": sum(summary.rejects.values()),
            "rejects_by_reason": summary.rejects,
            "characters": summary.characters,
            "source_changed": summary.source_changed,
            "source": link(known_shard(run.lake, run.corpus, run.shard).url),
        }

    return cpu_asset(settings, asset, work)
