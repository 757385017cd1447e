"""Asset `refinement_report`: see `prox_assets.monitoring.report`; with the schedule that refreshes it.

The asset has no partitions: it is one page about all measured shards of the corpus. The page holds no data of its own,
so a failed or skipped refresh only makes it older; its freshness policy tells when it is too old to rely on.
"""

from datetime import timedelta
from typing import Any

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.page import Report
from prox_assets.monitoring.report.write import write_report
from prox_assets.orchestration.assets import catalog
from prox_assets.orchestration.assets.corpus_asset import corpus_asset
from prox_assets.orchestration.checks.drift_checks import findings_markdown
from prox_assets.orchestration.metadata import HEADLINES, completeness_metadata, numbers, report_link
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings

ASSET = "refinement_report"

DESCRIPTION = """One HTML page about the corpus: trends, drift, sites and lengths, operations, samples before and after.

It opens without a network; its path or URL is in the metadata, here and on every materialization of the corpus.
Reads all measurements; writes `report/index.html` in the corpus's folder of the lake."""


def build_refinement_report(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""

    def work(context: dg.AssetExecutionContext, lake: Lake) -> dict[str, Any]:
        written = write_report(lake, settings.corpus, settings.monitoring)
        return {
            "report": report_link(lake, settings.corpus, settings.browser_url),
            "dagster/uri": written.place,
            "bytes": written.size,
            **_numbers(written.report),
            **completeness_metadata(written.report.completeness),
            "drift": dg.MetadataValue.md(_findings(written.report)),
        }

    freshness = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=settings.report_freshness_hours))
    return corpus_asset(settings, ASSET, DESCRIPTION, {"polars", "html"}, work, freshness)


def _numbers(report: Report) -> dict[str, float | int]:
    """Return the numbers that the UI plots over refreshes."""
    totals = report.history.totals
    return numbers(
        {
            **{name: totals[name] for name in ("shards", *HEADLINES)},
            "drift_findings": len(report.drift.findings),
        }
    )


def _findings(report: Report) -> str:
    if report.drift.findings:
        return findings_markdown(report.drift.findings)
    if report.drift.problem:
        return "The settings of `monitoring` do not fit the measured shards; see the report."
    return "Nothing has moved." if report.drift.measures else "There is no baseline yet."


def build_report_schedule(settings: CorpusSettings) -> dg.ScheduleDefinition | None:
    """Build the schedule `refresh_{corpus}_report`; return None if the settings switch it off."""
    if settings.report_schedule is None:
        return None

    @dg.schedule(
        name=f"refresh_{settings.corpus}_report",
        cron_schedule=settings.report_schedule,
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(settings.key(ASSET), settings.key(catalog.ASSET)),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Rewrites the report on {settings.corpus} and compacts its small tables.",
        tags={"prox/corpus": settings.corpus},
    )
    def refresh_report(context: dg.ScheduleEvaluationContext, lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
        if not lake.open().shards(settings.corpus, Table.SHARD_METRICS_HISTORY):
            return dg.SkipReason(f"no shard of {settings.corpus} has been measured yet")
        return dg.RunRequest()

    return refresh_report
