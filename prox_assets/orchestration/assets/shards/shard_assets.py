"""What all assets of a shard share: their spec, and the run of one shard that their stages take."""

import logging
from dataclasses import dataclass, field

import dagster as dg
from pydantic import Field

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.automation import shard_condition
from prox_assets.orchestration.metadata import column_schema, corpus_pages
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.run import Progress, ShardRun


@dataclass(frozen=True)
class ShardAsset:
    """An asset of a corpus: its name, and which table of the lake it mainly writes.

    Attributes:
        deps: Names of the corpus's assets that it reads.
        fingerprint: The configuration's fingerprint, and so the asset's code version; a change shows the asset's
            partitions as stale. The package's version is no part of it: the lake's identities do not depend on it, and
            an upgrade would make every shard stale.
        kinds: Shown as icons in the UI.
        description: Markdown.
        joins_dep: It is made in one step with its dependency, and is requested together with it.
        waits_for_more: Automation waits until several shards can share an engine start.
    """

    name: str
    table: Table
    deps: tuple[str, ...]
    fingerprint: str
    kinds: frozenset[str]
    description: str
    joins_dep: bool = field(default=False, kw_only=True)
    waits_for_more: bool = field(default=False, kw_only=True)

    def spec(self, settings: CorpusSettings) -> dg.AssetSpec:
        """Return the asset's spec; its output is optional, because ranged runs log an event per shard instead."""
        return dg.AssetSpec(
            key=settings.key(self.name),
            deps=[settings.key(dep) for dep in self.deps],
            partitions_def=settings.partitions,
            skippable=True,
            group_name=settings.asset_group,
            owners=settings.owners,
            tags=settings.asset_tags,
            kinds=set(self.kinds),
            code_version=self.fingerprint,
            automation_condition=shard_condition(settings, joins_dep=self.joins_dep, waits=self.waits_for_more),
            metadata={
                "dagster/column_schema": column_schema(self.table),
                "lake_table": f"{settings.corpus}/{self.table}",
                **corpus_pages(settings.corpus, settings.browser_url),
            },
            description=self.description,
        )


class ForceConfig(dg.Config):
    """Options when launching a step over shards."""

    force: bool = Field(
        default=False,
        description="Do the work again even if the finished file is current: same configuration, same inputs.",
    )


def shard_run(
    context: dg.AssetExecutionContext, lake: Lake, settings: CorpusSettings, key: str, force: bool = False
) -> ShardRun:
    """Return the run of one shard, whose progress appears in the step's log."""
    return ShardRun(lake, settings.plan, key, context.run_id, _log_progress(context.log, key), force)


def _log_progress(log: logging.Logger, shard: str) -> Progress:
    """Return a progress callback that logs after every tenth of the work."""
    reported = -1

    def progress(done: int, total: int) -> None:
        nonlocal reported
        tenth = 10 * done // total if total else 10
        if tenth > reported:
            reported = tenth
            log.info("%s: %s of %s documents", shard, done, total)

    return progress
