"""Observable asset `source_files`: the raw files of each shard, which we read but do not make.

Discovery observes a shard when it is new, or when its file has changed; the observation's data version is the source
version. So Dagster sees that a file was replaced: `raw_shards` becomes stale, and automation may read it again.
"""

from collections.abc import Collection
from dataclasses import dataclass

import dagster as dg

from prox_assets.lake.identity import source_version
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import pending
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.versions import DATA_VERSION_TAG, observed_versions
from prox_assets.orchestration.withdrawal import (
    SOURCE_FILES,
    vanishings,
    waiting_version,
    withdrawals,
    withdrawn_since_made,
)
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.reading.discovery import Discovery, discover_shards

ASSET = SOURCE_FILES
DESCRIPTION = "The raw files as last listed, one partition per shard; observed when a file is new or has changed."


@dataclass(frozen=True)
class Listing:
    """What a listing of the source found, and what Dagster does not know of it yet.

    Attributes:
        found: The shards, and what is new about them in the lake.
        new: Shards that are not partitions yet.
        notes: Observations that shards have left the source, or were withdrawn.
        versions: Observations of raw files whose version differs from the one last observed; they follow the notes.
    """

    found: Discovery
    new: tuple[str, ...]
    notes: tuple[dg.AssetObservation, ...]
    versions: tuple[dg.AssetObservation, ...]


def build_source_files(settings: CorpusSettings) -> dg.SourceAsset:
    """Build the observable asset; observing it in the UI lists the source and looks at every shard."""

    @dg.observable_source_asset(
        key=settings.key(ASSET),
        partitions_def=settings.partitions,
        group_name=settings.asset_group,
        tags=settings.asset_tags,
        metadata={"urls": list(settings.urls)},
        description=DESCRIPTION,
    )
    def source_files(context: dg.OpExecutionContext, lake: LakeResource) -> dg.DataVersionsByPartition:
        with no_retry_when_useless():
            listing = list_source(context.instance, lake.open(), settings, context.run_id)
        for warning in listing.found.warnings:
            context.log.warning(warning)
        enter(context.instance, settings, listing.new, listing.notes)
        return dg.DataVersionsByPartition(_versions(lake.open(), settings, listing.found))

    return source_files


def list_source(instance: dg.DagsterInstance, lake: Lake, settings: CorpusSettings, run_id: str) -> Listing:
    """Discover a corpus's shards, and compare with what Dagster last logged, so that no earlier listing is needed.

    Raises:
        CorpusError: The source could not be listed; nothing is recorded then.
        LakeError: The lake cannot be read.
    """
    found = discover_shards(lake, settings.plan, run_id, remember=True)
    partitions = set(instance.get_dynamic_partitions(settings.partitions.name or ""))
    withdrawn = _withdrawn_unnoticed(instance, lake, settings, found)
    known = {**observed_versions(instance, settings.key(ASSET)), **dict.fromkeys(withdrawn, "")}
    versions = _versions(lake, settings, found)
    return Listing(
        found=found,
        new=tuple(key for key in versions if key not in partitions),
        notes=(*withdrawals(settings.corpus, withdrawn), *vanishings(instance, settings, found)),
        versions=tuple(
            dg.AssetObservation(settings.key(ASSET), partition=key, tags={DATA_VERSION_TAG: version})
            for key, version in versions.items()
            if known.get(key) != version
        ),
    )


def _versions(lake: Lake, settings: CorpusSettings, found: Discovery) -> dict[str, str]:
    """Return the data version of each raw file; another one while withdrawn documents wait for the shard's next run."""
    waiting = pending(lake, settings.corpus)
    versions = {shard.key: source_version(*shard.version) for shard in found.shards}
    return {key: waiting_version(version) if key in waiting else version for key, version in versions.items()}


def enter(
    instance: dg.DagsterInstance,
    settings: CorpusSettings,
    new: Collection[str],
    events: Collection[dg.AssetObservation],
) -> None:
    """Add partitions to a Dagster instance, and log events."""
    instance.add_dynamic_partitions(settings.partitions.name or "", list(new))
    for event in events:
        instance.report_runless_asset_event(event)


def _withdrawn_unnoticed(
    instance: dg.DagsterInstance, lake: Lake, settings: CorpusSettings, found: Discovery
) -> list[str]:
    """Return shards that are back in the source after they were withdrawn where this instance was out of reach.

    Dagster has materialized their `raw_shards`, and the lake has no documents of them. A lake that has none at all was
    probably moved or is not mounted; then no shard is returned, or the whole corpus would be refined again.
    """
    there = set(lake.shards(settings.corpus, Table.DOCUMENTS))
    lacking = {shard.key for shard in found.shards} - there
    if not there or not lacking:
        return []
    key, kind = settings.key(raw_shards.ASSET), dg.DagsterEventType.ASSET_MATERIALIZATION
    made = instance.event_log_storage.get_latest_storage_id_by_partition(key, kind).keys() & lacking
    return sorted(made - withdrawn_since_made(instance, settings.corpus, raw_shards.ASSET, made))
