"""Blocking checks per partition: a shard's tables add up, and have the lake's schema.

Both checks share one step: they read the same files, and starting a step's process (about 3 s) costs more than either.
"""

from collections.abc import Iterable

import dagster as dg

from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.resources import LakeResource
from prox_assets.stages.execution import refined_shards

RECONCILIATION = "reconciliation"
SCHEMA = "schema"


def build_shard_checks(settings: CorpusSettings) -> dg.AssetChecksDefinition:
    """Build the checks on a corpus's refined_shards."""
    corpus, key = settings.corpus, settings.key(refined_shards.ASSET)

    def spec(name: str, description: str) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(
            name, asset=key, description=description, blocking=True, partitions_def=settings.partitions
        )

    def result(name: str, problems: list[str], passed: str, **counts: int) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=not problems,
            description="; ".join(problems) or passed,
            metadata=counts,
        )

    @dg.multi_asset_check(
        name=f"{corpus}_shard_checks",
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
        problems = [f"{shard}: {problem}" for shard in shards for problem in schema_problems(opened, corpus, shard)]
        yield result(SCHEMA, problems, "every table has the lake's schema")
        found = {shard: reconcile(opened, corpus, shard) for shard in shards}
        yield result(
            RECONCILIATION,
            [f"{shard}: {problem}" for shard, sums in found.items() for problem in sums.problems],
            "all documents are accounted for",
            documents=sum(sums.documents for sums in found.values()),
            kept=sum(sums.kept for sums in found.values()),
            dropped=sum(sums.dropped for sums in found.values()),
            quarantined=sum(sums.quarantined for sums in found.values()),
        )

    return shard_checks
