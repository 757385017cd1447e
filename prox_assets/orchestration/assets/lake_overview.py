"""Asset `overview`: see `prox_assets.overview`; with the schedule that refreshes it.

It has no partitions, and reads every corpus of the lake, also those that no asset of the project is about.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from prox_assets import __version__
from prox_assets.browser import links
from prox_assets.orchestration.assets import refinement_report
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.settings.overview import OverviewSettings
from prox_assets.overview.contents import CorpusOverview, LakeOverview, Level
from prox_assets.overview.page import LinksOf, TableHelp
from prox_assets.overview.reading import read_overview
from prox_assets.overview.write import write_overview
from prox_assets.stages.settings import WatchedCorpora

DESCRIPTION = """All corpora of the lake at a glance: what needs attention, size, retention, drift, cost, what is stale.

One HTML page that opens without a network, and the same as JSON, in `_overview/` of the lake."""


def build_lake_overview(settings: OverviewSettings, corpora: Sequence[CorpusSettings]) -> dg.AssetsDefinition:
    """Build the asset; it comes after the reports of the project's corpora.

    Args:
        settings: The overview's.
        corpora: Those of the project's corpora.
    """

    @dg.asset(
        key=settings.key,
        deps=[corpus.key(refinement_report.ASSET) for corpus in corpora],
        group_name=settings.group or settings.name,
        owners=settings.owners,
        tags=settings.tags,
        kinds={"duckdb", "html"},
        code_version=__version__,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=settings.freshness_hours)),
        description=DESCRIPTION,
        retry_policy=RETRY_POLICY,
        pool=settings.cpu_pool,
    )
    def overview(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        die_with_run_worker()
        opened = lake.open()
        watched = WatchedCorpora({corpus.corpus: corpus for corpus in corpora})
        with no_retry_when_useless():
            plans = {corpus.corpus: corpus.plan for corpus in corpora}
            found = read_overview(opened, watched, plans, settings.open_at_most)
            place = write_overview(opened, found, _pages(settings.browser_url))
        return dg.MaterializeResult(metadata={"page": link(place), "dagster/uri": place, **_shown(found)})

    return overview


def _pages(browser_url: str | None) -> LinksOf | None:
    if browser_url is None:
        return None
    return lambda corpus: [
        ("Shards", links.corpus(corpus.corpus, browser_url)),
        ("Report", links.report(corpus.corpus, browser_url)),
    ]


def _shown(found: LakeOverview) -> dict[str, Any]:
    """Return what the UI shows: numbers that it plots over time, the table of corpora, and what needs attention."""
    levels = [corpus.level for corpus in found.corpora]
    return {
        "corpora": len(levels),
        "corpora_with_errors": levels.count(Level.ERROR),
        "corpora_with_warnings": levels.count(Level.WARN),
        "shards": sum(corpus.shards for corpus in found.corpora),
        "documents_in": sum(corpus.totals.documents_in for corpus in found.corpora if corpus.totals),
        "device_hours": sum(corpus.cost.device_hours for corpus in found.corpora),
        "exports": len(found.exports),
        "withdrawals": found.withdrawals.count,
        "table": dg.MetadataValue.table([_record(corpus) for corpus in found.corpora], _SCHEMA),
        "attention": dg.MetadataValue.json([notice.model_dump(mode="json") for notice in found.notices]),
    }


_COLUMNS = {
    "corpus": "string",
    "state": "string",
    "refiners": "string",
    "shards": "int",
    "done": "int",
    "stale": "int",
    "unfinished": "int",
    "documents": "int",
    "retention": "float",
    "drifting": "int",
    "device_hours": "float",
    "last_measured": "string",
}
_SCHEMA = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()])


def _record(corpus: CorpusOverview) -> dg.TableRecord:
    totals = corpus.totals
    values = {
        "corpus": corpus.corpus,
        "state": corpus.level.value,
        "refiners": TableHelp.refined_by(corpus),
        "shards": corpus.shards,
        "done": corpus.progress.done,
        "stale": TableHelp.waits(corpus, "stale"),
        "unfinished": TableHelp.waits(corpus, "missing"),
        "documents": totals.documents_in if totals else None,
        "retention": totals.retention if totals else None,
        "drifting": len(corpus.drift.findings),
        "device_hours": corpus.cost.device_hours,
        "last_measured": corpus.last_measured.isoformat(timespec="seconds") if corpus.last_measured else None,
    }
    return dg.TableRecord(values)


def build_overview_schedule(settings: OverviewSettings) -> dg.ScheduleDefinition | None:
    """Build the schedule `refresh_{name}_overview`; return None if the settings switch it off."""
    if settings.schedule is None:
        return None

    @dg.schedule(
        name=f"refresh_{settings.name}_overview",
        cron_schedule=settings.schedule,
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(settings.key),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Writes the overview of all corpora again.",
    )
    def refresh_overview(context: dg.ScheduleEvaluationContext, lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
        return dg.RunRequest() if lake.open().corpora() else dg.SkipReason("the lake has no corpus yet")

    return refresh_overview
