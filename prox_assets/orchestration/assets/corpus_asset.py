"""What the assets of a whole corpus share: no partitions, made after metrics have changed, and a check of their own."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from prox_assets import __version__
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.automation import corpus_condition
from prox_assets.orchestration.checks import up_to_date
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import corpus_pages
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages import quality_metrics


def corpus_asset(
    settings: CorpusSettings,
    name: str,
    description: str,
    kinds: set[str],
    work: Callable[[dg.AssetExecutionContext, Lake], dict[str, Any]],
    freshness_policy: dg.FreshnessPolicy | None = None,
) -> dg.AssetsDefinition:
    """Build an asset that reads the metrics of all shards; `work` makes it and returns what the UI shows."""
    spec = dg.AssetSpec(
        key=settings.key(name),
        deps=[settings.key(quality_metrics.ASSET)],
        skippable=True,
        group_name=settings.asset_group,
        owners=settings.owners,
        tags=settings.asset_tags,
        kinds=kinds,
        code_version=__version__,
        automation_condition=corpus_condition(settings),
        freshness_policy=freshness_policy,
        metadata=corpus_pages(settings.corpus, settings.browser_url),
        description=description,
    )

    @dg.multi_asset(
        name=f"{settings.corpus}__{name}",
        specs=[spec],
        check_specs=up_to_date.specs(settings, (name,)),
        can_subset=True,
        retry_policy=RETRY_POLICY,
        pool=settings.cpu_pool,
    )
    def made(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Result]:
        die_with_run_worker()
        opened = lake.open()
        with no_retry_when_useless():
            if spec.key in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=spec.key, metadata=work(context, opened))
            if context.selected_asset_check_keys:
                yield from up_to_date.results(settings, opened, (name,))

    return made
