"""Asset `chunk_programs`: see `prox_assets.stages.inference.chunk_programs`."""

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shard_assets import ShardAsset, inference_asset
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.stages.inference import chunk_programs as stage
from prox_assets.stages.inference import doc_programs

DESCRIPTION = """The chunk refiner's programs for every document that the document level may keep.

One row per chunk: the program verbatim, or each line's keep probability. Rows of unchanged documents are used again
when only the document refiner has changed."""


def build_chunk_programs(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build the asset."""
    asset = ShardAsset(
        name=stage.ASSET,
        table=Table.CHUNK_PROGRAMS,
        deps=(doc_programs.ASSET,),
        fingerprint=settings.plan.refiner_settings_fingerprint("chunk"),
        kinds=frozenset({"parquet", settings.runs_on("chunk")}),
        description=DESCRIPTION,
    )
    return inference_asset(
        settings,
        asset,
        lambda engines: engines.open(settings.plan, "chunk"),
        stage.write_chunk_programs,
    )
