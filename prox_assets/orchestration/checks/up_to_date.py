"""Checks `up_to_date`, one per asset: what of a corpus is out of date, why, and what doing it again costs.

Dagster calls a partitioned asset as a whole fresh whatever its partitions are, and follows no dependency on 100
partitions and more. These checks tell for the corpus as a whole; they block nothing. The step that makes an asset
evaluates its check, the sensor that lists the source does when the answer has changed, and each can be run alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import dagster as dg

from prox_assets.catalog.compaction import Compacted, coverage
from prox_assets.lake.chain import State
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.report.write import report_is_current
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.reading.discovery import known_shards
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.stages.states.staleness import COSTS, Staleness, staleness, summarize

CHECK = "up_to_date"
CATALOG = "catalog"
REPORT = "refinement_report"
DESCRIPTION = "Made from the present inputs and configuration; if not: how much is not, why, and what it costs."


def specs(settings: CorpusSettings, assets: Sequence[str]) -> list[dg.AssetCheckSpec]:
    """Return the checks of some of the corpus's assets; they are about all shards, so they have no partitions."""
    return [dg.AssetCheckSpec(CHECK, asset=settings.key(asset), description=DESCRIPTION) for asset in assets]


def results(settings: CorpusSettings, lake: Lake, assets: Sequence[str]) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the checks of some of the corpus's assets.

    Raises:
        LakeError: The lake cannot be listed.
    """
    stages = [stage for stage in STAGES if stage in assets]
    if stages:
        known = known_shards(lake, settings.corpus).values()
        found = staleness(lake, settings.plan, known, stages[-1], remember=True)
        for stage in stages:
            yield _of_stage(settings, stage, [shard[stage] for shard in found.values()])
    if CATALOG in assets:
        behind = coverage(lake, settings.corpus, Compacted.SHARD_METRICS_HISTORY)
        waiting = len(set(behind.outdated) | set(behind.fresh))
        yield _result(
            settings,
            CATALOG,
            behind.is_current or not waiting,
            f"{waiting} shards have changed since the last compaction; queries read their own files" if waiting else "",
            {"shards_changed": waiting, "cost": "compaction"},
        )
    if REPORT in assets:
        current = report_is_current(lake, settings.corpus, settings.monitoring)
        yield _result(
            settings,
            REPORT,
            current,
            "" if current else "shards have been measured, or thresholds have changed, since the report was written",
            {"cost": "rendering a page"},
        )


def _of_stage(settings: CorpusSettings, stage: str, found: Sequence[Staleness]) -> dg.AssetCheckResult:
    counts = Counter(each.state for each in found)
    open_shards = len(found) - counts[State.DONE]
    return _result(
        settings,
        stage,
        not open_shards,
        f"{summarize(found)}. To make them: {COSTS[stage]}." if open_shards else "",
        {**{state.value: counts[state] for state in State}, "cost": COSTS[stage]},
    )


def _result(
    settings: CorpusSettings, asset: str, passed: bool, problem: str, metadata: dict[str, int | str]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=settings.key(asset),
        check_name=CHECK,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=problem or "everything is up to date",
        metadata=metadata,
    )
