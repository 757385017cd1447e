"""Shards whose file has left the source, and shards that were withdrawn: what Dagster is told, and what it forgets.

Dagster cannot forget what it recorded of one partition: its storages do not implement that. So a withdrawn shard that
comes back would count as materialized. A withdrawal is therefore logged, as an observation of each asset of the shard,
and `Withdrawn` tells automation which partitions have been materialized before it only.
"""

from collections.abc import Collection, Iterator, Mapping

import dagster as dg

from prox_assets.orchestration.settings.corpus import CorpusSettings, shard_partitions
from prox_assets.orchestration.versions import DATA_VERSION_TAG, latest_observations, observed_versions
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.reading.discovery import Discovery
from prox_assets.stages.run import StageError
from prox_assets.stages.states.shard_states import STAGES

# The asset of the raw files as listed (assets/shards/source_files.py), and its data version while a shard is withdrawn.
SOURCE_FILES = "source_files"
WITHDRAWN = "withdrawn"
# The asset whose observations `Withdrawn` looks at: it has no others, while raw_shards is observed for shards that are
# gone.
_TELLING = list(STAGES)[-1]
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_RECENT_BACKFILLS = 100
_WAITING = "+withdrawn"


class WorkUnderWayError(StageError):
    """Runs or backfills of the corpus are under way; the message names them."""


def vanishings(instance: dg.DagsterInstance, settings: CorpusSettings, found: Discovery) -> list[dg.AssetObservation]:
    """Return an observation of `raw_shards` for each shard that is gone, unless it was logged before.

    It shows among the partition's events, and changes nothing about what is stale. It names the time of the listing
    that first missed the file, so it is logged once, whoever listed the source then.
    """
    key = settings.key(raw_shards.ASSET)
    logged = latest_observations(instance, key, found.gone) if found.gone else {}
    observations = [
        dg.AssetObservation(
            key,
            partition=shard,
            description="The raw file has left the source. The shard's results stay until it is withdrawn: "
            "prox withdraw-shard (docs/monitoring.md).",
            metadata={"in_source": False, "gone_since": dg.MetadataValue.timestamp(since)},
        )
        for shard, since in found.gone.items()
    ]
    return [event for event in observations if not _is_logged(event, logged.get(event.partition or ""))]


def _is_logged(event: dg.AssetObservation, record: dg.EventLogRecord | None) -> bool:
    last = record.asset_observation if record else None
    return last is not None and last.metadata.get("gone_since") == event.metadata["gone_since"]


def withdrawals(corpus: str, shards: Collection[str]) -> list[dg.AssetObservation]:
    """Return what is logged of shards that the lake has let go of.

    The source file's data version changes, so that it is observed anew when it is back, even if it is the same. The
    observations of the other assets have none: data versions are those of materializations there.
    """
    description = "The shard was withdrawn from the lake, with all that had been made of it."
    return [
        dg.AssetObservation(
            dg.AssetKey([corpus, asset]),
            partition=shard,
            description=description,
            metadata={WITHDRAWN: True},
            tags={DATA_VERSION_TAG: WITHDRAWN} if asset == SOURCE_FILES else None,
        )
        for shard in shards
        for asset in (SOURCE_FILES, *STAGES)
    ]


def log_withdrawn_documents(
    instance: dg.DagsterInstance, removed: Mapping[tuple[str, str], int], waiting: Collection[tuple[str, str]]
) -> None:
    """Log that documents were removed from shards, by corpus and shard, or wait for their next run.

    Removed documents make nothing stale: no data version changes. A shard that waits gets another version of its source
    file (`waiting_version`), so that its `raw_shards` becomes stale, and automation runs it.
    """
    for (corpus, shard), documents in removed.items():
        event = dg.AssetObservation(
            dg.AssetKey([corpus, refined_shards.ASSET]),
            partition=shard,
            description=f"{documents} documents were withdrawn from the shard's tables; nothing was made anew.",
            metadata={"documents_withdrawn": documents},
        )
        instance.report_runless_asset_event(event)
    for corpus, shard in waiting:
        key = dg.AssetKey([corpus, SOURCE_FILES])
        before = observed_versions(instance, key).get(shard, "")
        event = dg.AssetObservation(
            key,
            partition=shard,
            description="Documents of the shard were withdrawn; its next run removes them.",
            tags={DATA_VERSION_TAG: waiting_version(before)},
        )
        instance.report_runless_asset_event(event)


def waiting_version(version: str) -> str:
    """Return the data version of a source file while withdrawn documents wait to be removed from its shard."""
    return f"{version.removesuffix(_WAITING)}{_WAITING}"


class Withdrawn(dg.AutomationCondition[dg.AssetKey]):
    """True for partitions of a shard's asset that were not materialized since the shard was withdrawn."""

    @property
    def name(self) -> str:
        """What the UI shows."""
        return "withdrawn, and not made since"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """Compare two numbers of the event log for each shard that was ever withdrawn; usually there is none."""
        corpus, asset = context.key.path
        if asset not in STAGES:
            return dg.AutomationResult(context, context.get_empty_subset())
        candidates = context.candidate_subset
        among = candidates.expensively_compute_partition_keys()
        shards = withdrawn_since_made(context.asset_graph_view.instance, corpus, asset, among)
        return dg.AutomationResult(context, candidates.compute_intersection_with_partition_keys(shards))


def withdrawn_since_made(instance: dg.DagsterInstance, corpus: str, asset: str, among: Collection[str]) -> set[str]:
    """Return those of some shards that were withdrawn after an asset of theirs was last materialized, if ever."""
    told, kinds = dg.AssetKey([corpus, _TELLING]), dg.DagsterEventType
    ids = instance.event_log_storage.get_latest_storage_id_by_partition
    at = {shard: number for shard, number in ids(told, kinds.ASSET_OBSERVATION).items() if shard in among}
    if not at:
        return set()
    made = ids(dg.AssetKey([corpus, asset]), kinds.ASSET_MATERIALIZATION)
    later = {shard for shard, number in at.items() if made.get(shard, 0) < number}
    records = latest_observations(instance, told, later) if later else {}
    events = {shard: record.asset_observation for shard, record in records.items()}
    return {shard for shard, event in events.items() if event is not None and WITHDRAWN in event.metadata}


def require_idle(instance: dg.DagsterInstance, corpus: str) -> None:
    """Make sure that no run or backfill of a corpus is under way: a run whose partition is deleted loses its work.

    Raises:
        WorkUnderWayError: One is.
    """
    busy = [f"run {run.run_id}" for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)) if _of(run, corpus)]
    busy += [f"backfill {backfill}" for backfill in _backfills(instance, corpus)]
    if busy:
        raise WorkUnderWayError(
            f"corpus {corpus!r} is being worked on by {', '.join(busy)}. Wait for it, or cancel it, and try again."
        )


def _of(run: dg.DagsterRun, corpus: str) -> bool:
    """Tell whether a run may touch a corpus; one that names no assets runs a job, which its tag tells."""
    if run.asset_selection:
        return any(key.path[0] == corpus for key in run.asset_selection)
    return run.tags.get("prox/corpus", corpus) == corpus


def _backfills(instance: dg.DagsterInstance, corpus: str) -> Iterator[str]:
    for backfill in instance.get_backfills(limit=_RECENT_BACKFILLS):
        assets = backfill.asset_selection or ()
        if backfill.status.value in ("REQUESTED", "CANCELING") and any(key.path[0] == corpus for key in assets):
            yield backfill.backfill_id


def forget_shard(instance: dg.DagsterInstance, corpus: str, shard: str) -> bool:
    """Delete the partition of a withdrawn shard and log the withdrawal; return whether there was a partition.

    The partition goes first: automation must not find one that reads as withdrawn while its file is away.
    """
    name = shard_partitions(corpus).name or ""
    there = instance.has_dynamic_partition(name, shard)
    if there:
        instance.delete_dynamic_partition(name, shard)
        for event in withdrawals(corpus, [shard]):
            instance.report_runless_asset_event(event)
    return there
