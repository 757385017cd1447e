"""A sensor that lists the source and adds new shards as partitions, and a job that does the same on demand.

A sensor has to finish within Dagster's evaluation time-out. Listing is quick, unless there are a million files, or
`rows_per_shard` or `shard_bytes` makes it count the rows of large files; run the job once before that, because counts
are remembered, and read docs/shards.md about the million.
"""

from collections.abc import Collection
from itertools import islice

import dagster as dg

from prox_assets.catalog.compaction import FOLDER as COMPACTIONS
from prox_assets.corpora.errors import CorpusError
from prox_assets.lake.chain import CHAIN
from prox_assets.lake.errors import LakeError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.assets.shards.source_files import enter, list_source
from prox_assets.orchestration.checks import up_to_date
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.versions import evaluation
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.reading.discovery import Discovery
from prox_assets.stages.states.identities import METRICS_VERSION
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.stages.states.staleness import refiner_fingerprint

NAMED = 100
"""Shards that a message or an event names; 50,000 names would make it too long for the UI."""


def build_discovery_job(settings: CorpusSettings) -> dg.JobDefinition:
    """Build the job `discover_{corpus}_shards`, which lists the source now and adds new shards."""

    @dg.op(name=f"list_{settings.corpus}_source", description="List the source, record and add new shards.")
    def list_now(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        with no_retry_when_useless():
            found = prepare_partitions(context.instance, lake.open(), settings, context.run_id)
        for warning in found.warnings:
            context.log.warning(warning)
        context.log.info(describe(found))
        context.add_output_metadata(
            {
                "shards": len(found.shards),
                "shards_added": len(found.added),
                "added": list(found.added[:NAMED]),
                "changed": list(found.changed[:NAMED]),
            }
        )

    @dg.job(
        name=f"discover_{settings.corpus}_shards",
        description=f"List the source of {settings.corpus} and add new shards as partitions.",
        tags={"prox/corpus": settings.corpus},
    )
    def discover() -> None:
        list_now()

    return discover


def build_discovery_sensor(settings: CorpusSettings) -> dg.SensorDefinition:
    """Build the sensor that adds new shards as they arrive; a failed listing changes nothing."""

    @dg.sensor(
        name=f"{settings.corpus}_shard_arrivals",
        description=f"Adds a partition for every new shard of {settings.corpus}.",
        minimum_interval_seconds=settings.discovery_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        target=dg.AssetSelection.assets(settings.key(raw_shards.ASSET)),
    )
    def shard_arrivals(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult | dg.SkipReason:
        opened = lake.open()
        try:
            listing = list_source(context.instance, opened, settings, "discovery")
        except CorpusError as error:
            return dg.SkipReason(f"the source could not be listed, nothing was changed: {error}")
        for warning in listing.found.warnings:
            context.log.warning(warning)
        events: list[dg.AssetObservation | dg.AssetCheckEvaluation] = [*listing.notes, *listing.versions]
        new, version = list(listing.new), context.cursor
        if not new:  # adding partitions does not wait for the checks, which take seconds in a large lake
            news, version = _news(context, settings, opened)
            events += news
        return dg.SensorResult(
            skip_reason=None if new or events else dg.SkipReason(describe(listing.found)),
            dynamic_partitions_requests=[settings.partitions.build_add_request(new)] if new else [],
            asset_events=events,
            cursor=version,
        )

    return shard_arrivals


def prepare_partitions(instance: dg.DagsterInstance, lake: Lake, settings: CorpusSettings, run_id: str) -> Discovery:
    """Discover a corpus's shards and add them to a Dagster instance as partitions."""
    listing = list_source(instance, lake, settings, run_id)
    enter(instance, settings, listing.new, [*listing.notes, *listing.versions])
    return listing.found


def _version(lake: Lake, settings: CorpusSettings) -> str:
    """Return what decides the checks `up_to_date`: configuration, weights on this machine, and the lake's files.

    A handful of listings, where the checks open five files of each shard.
    """
    plan = settings.plan
    configuration = [
        plan.ingest_fingerprint,
        [refiner_fingerprint(plan, "doc"), refiner_fingerprint(plan, "chunk"), plan.chunk_floor],
        plan.execution_fingerprint,
        METRICS_VERSION,
        settings.monitoring.model_dump(mode="json"),
    ]
    folders = (Table.SHARDS, *CHAIN, Table.SHARD_METRICS_HISTORY, COMPACTIONS, "report")
    return fingerprint([configuration, [lake.storage.list_stamps(f"{plan.corpus}/{folder}") for folder in folders]])


def _news(
    context: dg.SensorEvaluationContext, settings: CorpusSettings, lake: Lake
) -> tuple[list[dg.AssetCheckEvaluation], str | None]:
    """Return the checks `up_to_date` that say something else than they last did, and the version they were made from.

    So a changed configuration shows within minutes of being loaded, with no run. Listing the source matters more than
    these checks, so a lake that cannot be read is only logged, and looked at again.
    """
    news: list[dg.AssetCheckEvaluation] = []
    try:
        version = _version(lake, settings)
        if version == context.cursor:
            return [], version
        results = list(up_to_date.results(settings, lake, (*STAGES, up_to_date.CATALOG, up_to_date.REPORT)))
    except LakeError as error:
        context.log.warning("the checks up_to_date were not evaluated: %s", error)
        return [], context.cursor
    for result in results:
        event = evaluation(context.instance, result, blocking=False)
        last = context.instance.event_log_storage.get_latest_asset_check_execution_by_key([event.asset_check_key])
        recorded = next((record.evaluation for record in last.values()), None)
        if recorded is None or (recorded.passed, recorded.description) != (event.passed, event.description):
            news.append(event)
    return news, version


def describe(found: Discovery) -> str:
    """Summarize a listing in one line."""
    parts = [f"{len(found.shards)} shards, {len(found.added)} new"]
    if found.changed:
        parts.append(f"changed since they were read; materialize raw_shards again: {_named(found.changed)}")
    if found.gone:
        parts.append(f"no longer in the source; their results stay until `prox withdraw-shard`: {_named(found.gone)}")
    return "; ".join(parts)


def _named(keys: Collection[str]) -> str:
    more = len(keys) - NAMED
    return ", ".join(islice(keys, NAMED)) + (f" and {more:,} more" if more > 0 else "")
