"""Blocking checks per partition: a shard's tables add up, have the lake's schema, and hold nothing withdrawn."""

from collections.abc import Iterator, Sequence

import dagster as dg

from prox_assets.housekeeping.leftovers import leftovers_of_shard
from prox_assets.lake.errors import DamagedTableError
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.execution import refined_shards

RECONCILIATION = "reconciliation"
SCHEMA = "schema"
WITHDRAWN = "nothing_withdrawn"
DESCRIPTIONS = {
    SCHEMA: "Every table of the shard has its file, with the lake's schema.",
    RECONCILIATION: "Documents = kept + dropped + quarantined; every kept document has programs; no doc_id twice.",
    WITHDRAWN: "No withdrawn document is in the shard's tables; without any withdrawal, nothing is read.",
}


def specs(settings: CorpusSettings) -> list[dg.AssetCheckSpec]:
    """Return the checks on a corpus's refined_shards."""
    key = settings.key(refined_shards.ASSET)
    return [
        dg.AssetCheckSpec(name, asset=key, description=text, blocking=True, partitions_def=settings.partitions)
        for name, text in DESCRIPTIONS.items()
    ]


def results(settings: CorpusSettings, lake: Lake, shard: str) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the checks on one shard.

    Raises:
        LakeError: A file of the shard is damaged.
    """
    try:
        kept = leftovers_of_shard(lake, settings.corpus, shard)
    except DamagedTableError as error:
        kept = [str(error)]
    yield _result(settings, WITHDRAWN, kept, "nothing withdrawn is in the tables", {"problems": len(kept)})
    problems = schema_problems(lake, settings.corpus, shard)
    yield _result(settings, SCHEMA, problems, "every table has the lake's schema", {"problems": len(problems)})
    if problems:
        yield _result(settings, RECONCILIATION, ["the tables cannot be compared; see the check schema"], "", {})
        return
    sums = reconcile(lake, settings.corpus, shard)
    counts = {
        "documents": sums.documents,
        "kept": sums.kept,
        "dropped": sums.dropped,
        "quarantined": sums.quarantined,
        "problems": len(sums.problems),
    }
    yield _result(settings, RECONCILIATION, sums.problems, "all documents are accounted for", counts)


def _result(
    settings: CorpusSettings, name: str, problems: Sequence[str], passed: str, metadata: dict[str, int]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=settings.key(refined_shards.ASSET),
        check_name=name,
        passed=not problems,
        description="; ".join(problems) or passed,
        metadata=metadata,
    )
