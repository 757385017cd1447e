"""Assets `doc_programs` and `chunk_programs`, made in one step: see `prox_assets.stages.inference`."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.machine.leases import name_process
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.assets.shards.shard_assets import ForceConfig, ShardAsset, shard_run
from prox_assets.orchestration.assets.shards.shard_step import ShardStep
from prox_assets.orchestration.checks import up_to_date
from prox_assets.orchestration.failures import RETRY_POLICY
from prox_assets.orchestration.launchers.stage_job import StageJob, stages_elsewhere
from prox_assets.orchestration.metadata import table_metadata
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.placement.request import StageName
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.inference import chunk_programs, doc_programs
from prox_assets.stages.inference.program_table import InferenceSummary
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.run import ShardRun

DOC_PROGRAMS = """The document refiner's decision on every document: `keep_doc()`, `drop_doc()`, or a probability.

A killed run resumes where it stopped; a document whose request keeps failing is recorded with its error."""

CHUNK_PROGRAMS = """The chunk refiner's programs for every document that the document level may keep.

One row per chunk: the program verbatim, or each line's keep probability. If only the document refiner has changed,
rows of documents that it kept before are reused."""

Level = Literal["doc", "chunk"]
Write = Callable[[ShardRun, RefinerSession], InferenceSummary]
LEVELS: dict[Level, tuple[StageName, Table, Write]] = {
    "doc": (doc_programs.ASSET, Table.DOC_PROGRAMS, doc_programs.write_document_programs),
    "chunk": (chunk_programs.ASSET, Table.CHUNK_PROGRAMS, chunk_programs.write_chunk_programs),
}


def build_programs(settings: CorpusSettings) -> dg.AssetsDefinition:
    """Build both assets: a run takes up to `shards_per_run` shards through one engine start per level."""
    assets = [
        ShardAsset(
            doc_programs.ASSET,
            Table.DOC_PROGRAMS,
            deps=(raw_shards.ASSET,),
            fingerprint=settings.plan.refiner_settings_fingerprint("doc"),
            kinds=frozenset({"parquet", settings.runs_on("doc")}),
            description=DOC_PROGRAMS,
            waits_for_more=True,
        ),
        ShardAsset(
            chunk_programs.ASSET,
            Table.CHUNK_PROGRAMS,
            deps=(doc_programs.ASSET,),
            fingerprint=settings.plan.refiner_settings_fingerprint("chunk"),
            kinds=frozenset({"parquet", settings.runs_on("chunk")}),
            description=CHUNK_PROGRAMS,
            joins_dep=True,
        ),
    ]

    @dg.multi_asset(
        name=f"{settings.corpus}__programs",
        specs=[asset.spec(settings) for asset in assets],
        check_specs=up_to_date.specs(settings, [asset.name for asset in assets]),
        can_subset=True,
        backfill_policy=settings.inference_policy,
        retry_policy=RETRY_POLICY,
        pool=settings.pool_of_inference,
        op_tags=settings.tags_of_inference,
    )
    def programs(
        context: dg.AssetExecutionContext, config: ForceConfig, lake: LakeResource, engines: EnginesResource
    ) -> Iterator[Result]:
        die_with_run_worker()
        name_process(f"Dagster run {context.run_id}, {settings.corpus}")
        opened = lake.open()
        step = ShardStep(context, settings)

        def work(level: Level, session: RefinerSession | StageJob, key: str) -> Iterator[Result]:
            name, table, write = LEVELS[level]
            if isinstance(session, StageJob):
                summary = InferenceSummary(**session.summary(name, key))
            else:
                summary = write(shard_run(context, opened, settings, key, config.force), session)
            shown = table_metadata(opened, settings.corpus, table, key, settings.browser_url)
            yield dg.MaterializeResult(
                asset_key=settings.key(name),
                data_version=dg.DataVersion(shown["identity"]),
                metadata={**shown, **_describe(summary)},
            )

        made: list[StageName] = [name for name, _, _ in LEVELS.values() if step.makes(name)]
        with stages_elsewhere(step, opened, settings.placement.programs, made, force=config.force) as job:
            for level, (name, _, _) in LEVELS.items():
                if step.makes(name) and step.keys:
                    with nullcontext(job) if job else engines.open(settings.plan, level) as session:
                        yield from step.each((name,), partial(work, level, session))
        yield from step.up_to_date(opened)
        step.finish()

    return programs


def _describe(summary: InferenceSummary) -> dict[str, Any]:
    rate = summary.prompt_tokens / summary.engine_seconds if summary.engine_seconds else 0.0
    return {
        "documents": summary.documents,
        "documents_inferred": summary.documents_inferred,
        "quarantined": summary.failed,
        "windows_resumed": summary.windows_resumed,
        "already_current": summary.reused,
        "prompt_tokens": summary.prompt_tokens,
        "engine_seconds": round(summary.engine_seconds, 3),
        "prompt_tokens_per_second": round(rate, 1),
    }
