"""Asset `quality_metrics`: see `prox_assets.stages.quality_metrics`."""

from typing import Any

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.trends import TRENDS, signal
from prox_assets.monitoring.signals import FAMILIES, passes
from prox_assets.orchestration.assets.shard_assets import ShardAsset
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.metadata import numbers
from prox_assets.stages import quality_metrics as stage
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.identities import METRICS_VERSION

DESCRIPTION = """Numbers about a shard's refinement: documents, text in and out, outcomes, programs, signals, cost.

Writes `shard_metrics` (the latest) and `shard_metrics_history` (every run)."""

WHEN = {"before": "in", "after": "out"}
# Spelled out, because Dagster cannot infer the columns of a table without records.
OPERATION_COLUMNS = dg.TableSchema(
    [dg.TableColumn("operation"), dg.TableColumn("status"), dg.TableColumn("count", "int")]
)
SIGNAL_COLUMNS = dg.TableSchema([dg.TableColumn("signal"), *[dg.TableColumn(when) for when in WHEN]])


def quality_metrics_asset(settings: CorpusSettings) -> ShardAsset:
    """Describe the asset; refinement.py makes it."""
    return ShardAsset(
        name=stage.ASSET,
        table=Table.SHARD_METRICS,
        deps=(refined_shards.ASSET,),
        fingerprint=METRICS_VERSION,
        kinds=frozenset({"polars", "parquet"}),
        description=DESCRIPTION,
        joins_dep=True,
    )


def shown_metrics(row: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a metrics row that the UI shows.

    The UI plots every number: counts as they are in the table, shares for comparing shards of different sizes, and the
    share of documents that pass each family of rules. The signals themselves, twice forty, form a table.
    """
    shares = {
        f"share/{trend.title.lower().replace(' ', '_')}": trend.series[""](row)
        for trend in TRENDS
        if trend.unit == "share" and list(trend.series) == [""]
    }
    passing = {
        f"{passes(family)}/{when}": signal(row, column, passes(family))
        for family in FAMILIES
        for when, column in WHEN.items()
    }
    return {
        **numbers(row),
        **numbers(shares),
        **numbers(passing),
        "operations": dg.MetadataValue.table([dg.TableRecord(entry) for entry in row["operations"]], OPERATION_COLUMNS),
        "signals": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {"signal": name, **{when: _text(signal(row, column, name)) for when, column in WHEN.items()}}
                )
                for family in FAMILIES
                for name in family.signals
            ],
            SIGNAL_COLUMNS,
        ),
    }


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
