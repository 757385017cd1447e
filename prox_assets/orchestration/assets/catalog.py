"""Asset `catalog`: a corpus's small tables, each compacted into one file, so queries over many shards stay fast."""

from typing import Any

import dagster as dg

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.queries.counts import totals
from prox_assets.catalog.queries.scope import Scope
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.completeness import completeness
from prox_assets.orchestration.assets.corpus_asset import corpus_asset
from prox_assets.orchestration.metadata import HEADLINES, completeness_metadata, numbers
from prox_assets.orchestration.settings.corpus import CorpusSettings

ASSET = "catalog"
DESCRIPTION = """The corpus's metrics, manifests and an index of its documents, each in one file.

A copy that makes `prox stats`, `prox trace` and `prox sql` fast. Shards that have changed since are read from their own
files."""


def build_catalog(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""

    def work(context: dg.AssetExecutionContext, lake: Lake) -> dict[str, Any]:
        done = compact(lake, settings.corpus)
        context.log.info("%s shards had changed; rows written: %s", done.shards_changed, dict(done.rows))
        return {
            "shards_changed": done.shards_changed,
            **_totals(lake, settings.corpus),
            **completeness_metadata(completeness(lake, settings.corpus)),
        }

    return corpus_asset(settings, ASSET, DESCRIPTION, {"duckdb", "parquet"}, work)


def _totals(lake: Lake, corpus: str) -> dict[str, Any]:
    """Return the corpus's totals, which the UI plots over time."""
    with open_catalog(lake, (corpus,), ("shard_metrics",)) as connection:
        rows = totals(connection, "corpus", Scope((corpus,))).to_dicts()
    return numbers({name: rows[0][name] for name in ("shards", *HEADLINES)}) if rows else {}
