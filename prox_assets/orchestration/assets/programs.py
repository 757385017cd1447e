"""Assets `doc_programs` and `chunk_programs`: see `prox_assets.stages.inference`."""

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shard_assets import ShardAsset, inference_asset
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.stages import raw_shards
from prox_assets.stages.inference import chunk_programs, doc_programs

DOC_PROGRAMS = """The document refiner's decision on every document: `keep_doc()`, `drop_doc()`, or a probability.

A killed run resumes where it stopped; a document whose request keeps failing is recorded with its error."""

CHUNK_PROGRAMS = """The chunk refiner's programs for every document that the document level may keep.

One row per chunk: the program verbatim, or each line's keep probability. If only the document refiner has changed,
rows of documents that it kept before are reused."""


def build_doc_programs(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build `doc_programs`."""
    asset = ShardAsset(
        doc_programs.ASSET,
        Table.DOC_PROGRAMS,
        deps=(raw_shards.ASSET,),
        fingerprint=settings.plan.refiner_settings_fingerprint("doc"),
        kinds=frozenset({"parquet", settings.runs_on("doc")}),
        description=DOC_PROGRAMS,
    )
    return inference_asset(settings, asset, "doc", doc_programs.write_document_programs)


def build_chunk_programs(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build `chunk_programs`."""
    asset = ShardAsset(
        chunk_programs.ASSET,
        Table.CHUNK_PROGRAMS,
        deps=(doc_programs.ASSET,),
        fingerprint=settings.plan.refiner_settings_fingerprint("chunk"),
        kinds=frozenset({"parquet", settings.runs_on("chunk")}),
        description=CHUNK_PROGRAMS,
    )
    return inference_asset(settings, asset, "chunk", chunk_programs.write_chunk_programs)
