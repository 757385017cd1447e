"""What the assets of a corpus share: their spec, the start of a step, and the work on one shard or several.

CPU assets process one shard per run. Inference assets process up to `shards_per_run`, because starting an engine costs
far more than a shard (measured with vLLM on CPU: 29 s against 0.04 s).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from prox_assets import __version__
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.failures import is_deterministic, no_retry_when_useless
from prox_assets.orchestration.metadata import column_schema, corpus_pages, table_metadata
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.inference.program_table import InferenceSummary
from prox_assets.stages.run import Progress, ShardRun


@dataclass(frozen=True)
class ShardAsset:
    """An asset of a corpus: its name, and which table of the lake it mainly writes.

    Attributes:
        deps: Names of the corpus's assets that it reads.
        fingerprint: The configuration's fingerprint; a change shows the asset's partitions as stale.
        kinds: Shown as icons in the UI.
        description: Markdown.
    """

    name: str
    table: Table
    deps: tuple[str, ...]
    fingerprint: str
    kinds: frozenset[str]
    description: str

    def arguments(self, settings: CorpusSettings) -> dict[str, Any]:
        """Return the arguments of `dg.asset`, except for the pool and the way it is run."""
        return {
            **settings.asset_arguments(self.name, self.deps),
            "partitions_def": settings.partitions,
            "kinds": set(self.kinds),
            "code_version": f"{__version__}-{self.fingerprint}",
            "metadata": {
                "dagster/column_schema": column_schema(self.table),
                "lake_table": f"{settings.corpus}/{self.table}",
                **corpus_pages(settings.corpus, settings.browser_url),
            },
            "description": self.description,
        }


def cpu_asset(
    settings: CorpusSettings, asset: ShardAsset, work: Callable[[ShardRun], dict[str, Any]]
) -> dg.AssetsDefinition:
    """Build an asset that processes one shard per run; `work` returns the metadata to show."""

    def shard_asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        die_with_run_worker()
        shard = context.partition_key
        run = ShardRun(lake.open(), settings.plan, shard, context.run_id, _log_progress(context.log, shard))
        with no_retry_when_useless():
            metadata = work(run)
            return dg.MaterializeResult(
                metadata={
                    **table_metadata(run.lake, run.corpus, asset.table, run.shard, settings.browser_url),
                    **metadata,
                }
            )

    return dg.asset(**asset.arguments(settings), pool=settings.cpu_pool)(shard_asset)


class InferenceConfig(dg.Config):
    """Options when launching an inference asset."""

    force: bool = Field(
        default=False,
        description="Infer again even if the finished file is current: same refiner, same documents.",
    )


def inference_asset(
    settings: CorpusSettings,
    asset: ShardAsset,
    level: Literal["doc", "chunk"],
    write: Callable[[ShardRun, RefinerSession], InferenceSummary],
) -> dg.AssetsDefinition:
    """Build an asset that processes up to `shards_per_run` shards with one engine.

    Finished shards are recorded at once. A failing shard does not stop the others, but the run fails in the end.
    """

    def shard_asset(
        context: dg.AssetExecutionContext, config: InferenceConfig, lake: LakeResource, engines: EnginesResource
    ) -> None:
        die_with_run_worker()
        opened = lake.open()
        keys = list(context.partition_keys)
        failures: dict[str, Exception] = {}
        with engines.open(settings.plan, level) as session:
            for key in keys:
                progress = _log_progress(context.log, key)
                run = ShardRun(opened, settings.plan, key, context.run_id, progress, config.force)
                try:
                    summary = write(run, session)
                except Exception as error:
                    if len(keys) == 1:
                        with no_retry_when_useless():
                            raise
                    context.log.exception("%s failed; the run continues with its other shards", key)
                    failures[key] = error
                    continue
                metadata = {
                    **table_metadata(opened, settings.corpus, asset.table, key, settings.browser_url),
                    **_describe(summary),
                }
                context.add_asset_metadata(metadata, partition_key=key)
                if len(keys) > 1:
                    # The step's own events come only after all shards; one failure would then leave none marked.
                    context.log_event(dg.AssetMaterialization(context.asset_key, metadata=metadata, partition=key))
        if failures:
            raise dg.Failure(
                description=f"{len(failures)} of {len(keys)} shards failed: "
                + "; ".join(f"{key}: {error}" for key, error in failures.items()),
                allow_retries=not all(is_deterministic(error) for error in failures.values()),
            )

    return dg.asset(
        **asset.arguments(settings),
        pool=settings.pool_of_inference,
        op_tags=settings.inference_tags,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.shards_per_run),
    )(shard_asset)


def _describe(summary: InferenceSummary) -> dict[str, Any]:
    rate = summary.prompt_tokens / summary.engine_seconds if summary.engine_seconds else 0.0
    return {
        "documents": summary.documents,
        "documents_inferred": summary.documents_inferred,
        "documents_failed": summary.failed,
        "windows_resumed": summary.windows_resumed,
        "already_current": summary.reused,
        "prompt_tokens": summary.prompt_tokens,
        "engine_seconds": round(summary.engine_seconds, 3),
        "prompt_tokens_per_second": round(rate, 1),
    }


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
