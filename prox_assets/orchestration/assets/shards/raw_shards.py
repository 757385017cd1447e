"""Asset `raw_shards`: see `prox_assets.stages.reading.raw_shards`."""

from collections.abc import Iterator

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shards import source_files
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.assets.shards.shard_assets import ShardAsset, shard_run
from prox_assets.orchestration.assets.shards.shard_step import ShardStep
from prox_assets.orchestration.checks import up_to_date
from prox_assets.orchestration.failures import RETRY_POLICY
from prox_assets.orchestration.launchers.stage_job import StageJob, stages_elsewhere
from prox_assets.orchestration.metadata import link, table_metadata
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.reading import raw_shards as stage
from prox_assets.stages.reading.discovery import known_shard
from prox_assets.stages.run import ShardRun

DESCRIPTION = """Raw files as documents: one row per document in `documents`, one per unreadable row in `rejects`.

A file that cannot be read at all fails its partition, and nothing is written."""


def build_raw_shards(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""
    asset = ShardAsset(
        name=stage.ASSET,
        table=Table.DOCUMENTS,
        deps=(source_files.ASSET,),
        fingerprint=settings.plan.ingest_fingerprint,
        kinds=frozenset({"python", "parquet"}),
        description=DESCRIPTION,
    )

    @dg.multi_asset(
        name=f"{settings.corpus}__{stage.ASSET}",
        specs=[asset.spec(settings)],
        check_specs=up_to_date.specs(settings, (stage.ASSET,)),
        can_subset=True,
        backfill_policy=settings.cpu_policy,
        retry_policy=RETRY_POLICY,
        pool=settings.pool_at(settings.placement.raw_shards),
    )
    def raw_shards(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Result]:
        die_with_run_worker()
        opened = lake.open()
        step = ShardStep(context, settings)

        if step.makes(stage.ASSET):
            with stages_elsewhere(step, opened, settings.placement.raw_shards, [stage.ASSET]) as job:

                def work(key: str) -> Iterator[Result]:
                    yield _read(shard_run(context, opened, settings, key), settings, job)

                yield from step.each((stage.ASSET,), work)
        yield from step.up_to_date(opened)
        step.finish()

    return raw_shards


def _read(run: ShardRun, settings: CorpusSettings, job: StageJob | None) -> dg.MaterializeResult:
    summary = stage.RawShardSummary(**job.summary(stage.ASSET, run.shard)) if job else stage.read_raw_shard(run)
    table = table_metadata(run.lake, run.corpus, Table.DOCUMENTS, run.shard, settings.browser_url)
    return dg.MaterializeResult(
        asset_key=settings.key(stage.ASSET),
        data_version=dg.DataVersion(table["identity"]),
        metadata={
            **table,
            "documents": summary.documents,
            "rows_rejected": sum(summary.rejects.values()),
            "rejects_by_reason": summary.rejects,
            "characters": summary.characters,
            "source_changed": summary.source_changed,
            "source": link(known_shard(run.lake, run.corpus, run.shard).url),
        },
    )
