"""Blocking checks per partition: a shard's tables add up, and have the lake's schema.

Both checks share one step: they read the same files, and starting a step's process (about 3 s) costs more than either.
"""

from collections.abc import Iterable

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.resources import LakeResource
from prox_assets.stages.execution import refined_shards

RECONCILIATION = "reconciliation"
SCHEMA = "schema"


def build_shard_checks(settings: CorpusSettings) -> dg.AssetChecksDefinition:
    """Build the checks on a corpus's refined_shards."""
    key = settings.key(refined_shards.ASSET)

    def spec(name: str, description: str) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(
            name, asset=key, description=description, blocking=True, partitions_def=settings.partitions
        )

    @dg.multi_asset_check(
        name=f"{settings.corpus}_shard_checks",
        specs=[
            spec(
                RECONCILIATION,
                "Documents = kept + dropped + quarantined; every kept document has programs; no doc_id twice.",
            ),
            spec(SCHEMA, "Every table of the shard has its file, with the lake's schema."),
        ],
        pool=settings.cpu_pool,
    )
    def shard_checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterable[dg.AssetCheckResult]:
        opened = lake.open()
        shards = list(context.op_execution_context.partition_keys)
        yield _schema_result(opened, settings.corpus, key, shards)
        yield _reconciliation_result(opened, settings.corpus, key, shards)

    return shard_checks


def _schema_result(lake: Lake, corpus: str, key: dg.AssetKey, shards: list[str]) -> dg.AssetCheckResult:
    problems = [f"{shard}: {problem}" for shard in shards for problem in schema_problems(lake, corpus, shard)]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=SCHEMA,
        passed=not problems,
        description="; ".join(problems) or "every table has the lake's schema",
    )


def _reconciliation_result(lake: Lake, corpus: str, key: dg.AssetKey, shards: list[str]) -> dg.AssetCheckResult:
    results = {shard: reconcile(lake, corpus, shard) for shard in shards}
    problems = [f"{shard}: {problem}" for shard, result in results.items() for problem in result.problems]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=RECONCILIATION,
        passed=not problems,
        description="; ".join(problems) or "all documents are accounted for",
        metadata={
            "documents": sum(result.documents for result in results.values()),
            "kept": sum(result.kept for result in results.values()),
            "dropped": sum(result.dropped for result in results.values()),
            "quarantined": sum(result.quarantined for result in results.values()),
        },
    )
