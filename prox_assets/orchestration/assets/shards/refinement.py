"""The step that executes programs and measures the result: assets `refined_shards` and `quality_metrics`.

One step makes both, because a run over several shards can have one only (shard_step.py). It also evaluates their
checks: a shard whose tables do not add up is not measured.
"""

from collections.abc import Generator, Iterator

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.assets.shards.quality_metrics import quality_metrics_asset, shown_metrics
from prox_assets.orchestration.assets.shards.refined_shards import refined_shards_asset, shown_refinement
from prox_assets.orchestration.assets.shards.shard_assets import ForceConfig, shard_run
from prox_assets.orchestration.assets.shards.shard_step import ShardStep
from prox_assets.orchestration.checks import drift_checks, shard_checks, up_to_date
from prox_assets.orchestration.failures import RETRY_POLICY
from prox_assets.orchestration.launchers.stage_job import StageJob, stages_elsewhere
from prox_assets.orchestration.metadata import table_metadata
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.placement.request import StageName
from prox_assets.stages import quality_metrics
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.execution.reconciled import UnreconciledError, refine_until_it_adds_up
from prox_assets.stages.run import ShardRun

ASSETS: tuple[StageName, ...] = (refined_shards.ASSET, quality_metrics.ASSET)


def build_refinement(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build both assets, with the checks on them."""

    @dg.multi_asset(
        name=f"{settings.corpus}__refinement",
        specs=[refined_shards_asset(settings).spec(settings), quality_metrics_asset(settings).spec(settings)],
        check_specs=[
            *shard_checks.specs(settings),
            *drift_checks.specs(settings),
            *up_to_date.specs(settings, ASSETS),
        ],
        can_subset=True,
        backfill_policy=settings.cpu_policy,
        retry_policy=RETRY_POLICY,
        pool=settings.pool_at(settings.placement.refinement),
    )
    def refinement(context: dg.AssetExecutionContext, config: ForceConfig, lake: LakeResource) -> Iterator[Result]:
        die_with_run_worker()
        opened = lake.open()
        step = ShardStep(context, settings)

        made: list[StageName] = [name for name in ASSETS if step.makes(name)]
        with stages_elsewhere(step, opened, settings.placement.refinement, made, force=config.force) as job:

            def work(key: str) -> Iterator[Result]:
                run = shard_run(context, opened, settings, key, config.force)
                if step.makes(refined_shards.ASSET):
                    yield _refine(run, settings, job)
                problems = yield from _check(step, opened, settings, key)
                if step.makes(quality_metrics.ASSET):
                    if problems:
                        raise UnreconciledError(f"{key} is not measured: {'; '.join(problems)}")
                    yield _measure(run, settings, job)

            yield from step.each(ASSETS, work)
        wanted = [name for name, _ in drift_checks.CHECKS.values() if step.checks(quality_metrics.ASSET, name)]
        if wanted:
            drift = drift_checks.results(settings, opened, context.log)
            yield from step.of_corpus(result for result in drift if result.check_name in wanted)
        yield from step.up_to_date(opened)
        step.finish()

    return refinement


def _refine(run: ShardRun, settings: CorpusSettings, job: StageJob | None) -> dg.MaterializeResult:
    if job is None:
        summary = refine_until_it_adds_up(run)
    else:
        summary = refined_shards.RefinementSummary(**job.summary(refined_shards.ASSET, run.shard))
    table = table_metadata(run.lake, run.corpus, Table.REFINED, run.shard, settings.browser_url)
    return dg.MaterializeResult(
        asset_key=settings.key(refined_shards.ASSET),
        data_version=dg.DataVersion(table["identity"]),
        metadata={**table, **shown_refinement(run, summary)},
    )


def _check(step: ShardStep, lake: Lake, settings: CorpusSettings, key: str) -> Generator[Result, None, list[str]]:
    """Yield the selected checks of a shard; return what is wrong with it."""
    problems: list[str] = []
    asked = any(step.checks(refined_shards.ASSET, name) for name in shard_checks.DESCRIPTIONS)
    if asked or step.makes(quality_metrics.ASSET):  # a run of the metrics alone selects no check of refined_shards
        for result in shard_checks.results(settings, lake, key):
            if not result.passed:
                problems.append(f"{result.check_name}: {result.description}")
            if step.checks(refined_shards.ASSET, str(result.check_name)):
                yield result
    return problems


def _measure(run: ShardRun, settings: CorpusSettings, job: StageJob | None) -> dg.MaterializeResult:
    if job is None:
        row = quality_metrics.measure_shard(run)
    else:
        job.summary(quality_metrics.ASSET, run.shard)
        row = next(run.lake.rows(run.corpus, Table.SHARD_METRICS, run.shard))
    table = table_metadata(run.lake, run.corpus, Table.SHARD_METRICS, run.shard, settings.browser_url)
    return dg.MaterializeResult(
        asset_key=settings.key(quality_metrics.ASSET),
        data_version=dg.DataVersion(table["identity"]),
        metadata={**table, **shown_metrics(row)},
    )
