"""Asset `doc_programs`: see `prox_assets.stages.inference.doc_programs`."""

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shard_assets import ShardAsset, inference_asset
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.stages import raw_shards
from prox_assets.stages.inference import doc_programs as stage

DESCRIPTION = """What the document refiner says of every document: `keep_doc()`, `drop_doc()`, or a probability.

A killed run goes on where it was; a document whose request keeps failing is recorded with its error."""


def build_doc_programs(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""
    asset = ShardAsset(
        name=stage.ASSET,
        table=Table.DOC_PROGRAMS,
        deps=(raw_shards.ASSET,),
        fingerprint=settings.plan.refiner_settings_fingerprint("doc"),
        kinds=frozenset({"parquet", settings.runs_on("doc")}),
        description=DESCRIPTION,
    )
    return inference_asset(
        settings,
        asset,
        lambda engines: engines.open(settings.plan, "doc"),
        stage.write_document_programs,
    )
