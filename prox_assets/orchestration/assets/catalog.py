"""Asset `catalog`: a corpus's small tables, each compacted into one file, so queries over many shards stay fast."""

from typing import Any

import dagster as dg

from prox_assets import __version__
from prox_assets.catalog.compaction import compact
from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.queries.counts import totals
from prox_assets.catalog.queries.scope import Scope
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.completeness import completeness
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.metadata import HEADLINES, completeness_metadata, numbers
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.stages import quality_metrics

ASSET = "catalog"
DESCRIPTION = """The corpus's metrics, manifests and an index of its documents, each in one file.

A copy that makes `prox stats`, `prox trace` and `prox sql` fast. Shards that have changed since are read from their own
files."""


def build_catalog(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset: one for the whole corpus, not partitioned."""

    def catalog(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        die_with_run_worker()
        opened = lake.open()
        with no_retry_when_useless():
            done = compact(opened, settings.corpus)
            context.log.info("%s shards had changed; rows written: %s", done.shards_changed, dict(done.rows))
            return dg.MaterializeResult(
                metadata={
                    "shards_changed": done.shards_changed,
                    **_totals(opened, settings.corpus),
                    **completeness_metadata(completeness(opened, settings.corpus)),
                }
            )

    return dg.asset(
        **settings.asset_arguments(ASSET, (quality_metrics.ASSET,)),
        kinds={"duckdb", "parquet"},
        code_version=__version__,
        description=DESCRIPTION,
        pool=settings.cpu_pool,
    )(catalog)


def _totals(lake: Lake, corpus: str) -> dict[str, Any]:
    """Return the corpus's totals, which the UI plots over time."""
    with open_catalog(lake, (corpus,), ("shard_metrics",)) as connection:
        rows = totals(connection, "corpus", Scope((corpus,))).to_dicts()
    return numbers({name: rows[0][name] for name in ("shards", *HEADLINES)}) if rows else {}
