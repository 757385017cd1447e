"""How versions of partitions are written into Dagster's event log, and read back from it.

Dagster calls a partition stale if its code version has changed, or if the latest event of an input has another data
version than the event that the partition points to. For events that Dagster makes itself, it writes these facts as
tags. An event that we log has to carry the same tags: without the input's tags it reads "has a new dependency", for
ever; without the code version Dagster falls back to times (measured with 1.13).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import dagster as dg

# Dagster has no public name for what a check's evaluation was about; without it the UI shows the check as not
# evaluated for the latest materialization.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

DATA_VERSION_TAG = "dagster/data_version"
CODE_VERSION_TAG = "dagster/code_version"
# Dagster fetches at most 1,000 records at a time, unless its environment says otherwise.
RECORDS_AT_A_TIME = 500


@dataclass(frozen=True)
class EventRecord:
    """The latest event of a partition: a materialization, or for source files an observation.

    Attributes:
        storage_id: The event's number in the log.
        version: Its data version.
        run_id: The run that logged it; empty for events without a run.
        timestamp: When, in seconds since 1970.
    """

    storage_id: int
    version: str
    run_id: str
    timestamp: float


def latest_record(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None) -> EventRecord | None:
    """Return the latest event of a partition, or of any if `partition` is None; None if there is none."""
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=None if partition is None else [partition])
    for fetch in (instance.fetch_materializations, instance.fetch_observations):
        for record in fetch(wanted, limit=1).records:
            event = record.asset_materialization or record.asset_observation
            version = (event.tags or {}).get(DATA_VERSION_TAG) if event else None
            if version is not None:
                return EventRecord(record.storage_id, version, record.run_id, record.timestamp)
    return None


def latest_observations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Collection[str]
) -> dict[str, dg.EventLogRecord]:
    """Return the latest observation of each of some partitions of an asset that has one."""
    kind = dg.DagsterEventType.ASSET_OBSERVATION
    # Dagster would name all partitions in one query, and SQLite has a limit to what a query may name.
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(asset, kind)
    ids = sorted(number for partition, number in latest.items() if partition in partitions)
    found: dict[str, dg.EventLogRecord] = {}
    for start in range(0, len(ids), RECORDS_AT_A_TIME):
        batch = ids[start : start + RECORDS_AT_A_TIME]
        of_batch = dg.AssetRecordsFilter(asset, storage_ids=batch)
        for record in instance.fetch_observations(of_batch, limit=len(batch)).records:
            if record.partition_key is not None:
                found[record.partition_key] = record
    return found


def observed_versions(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, str]:
    """Return the data version that was last observed of each partition of an asset, in one query."""
    kind = dg.DagsterEventType.ASSET_OBSERVATION
    found = instance.event_log_storage.get_latest_tags_by_partition(asset, kind, [DATA_VERSION_TAG])
    return {partition: tags[DATA_VERSION_TAG] for partition, tags in found.items()}


def provenance_tags(
    spec: dg.AssetSpec, version: str, inputs: Mapping[dg.AssetKey, EventRecord | None]
) -> dict[str, str]:
    """Return the tags that Dagster itself would give a materialization."""
    tags = {DATA_VERSION_TAG: version, CODE_VERSION_TAG: spec.code_version or ""}
    for key, record in inputs.items():
        name = key.to_user_string()
        # What Dagster writes for an input without an event; the lake may have been filled without Dagster.
        tags[f"dagster/input_data_version/{name}"] = record.version if record else "INITIAL"
        tags[f"dagster/input_event_pointer/{name}"] = str(record.storage_id) if record else "NULL"
    return tags


def log_evaluation(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    result: dg.AssetCheckResult,
    *,
    blocking: bool,
    partition: str | None = None,
) -> None:
    """Log a check's result as an event of a partition, or of the whole asset if `partition` is None."""
    event = evaluation(context.instance, result, blocking=blocking, partition=partition)
    context.log_event(event)  # pyright: ignore[reportArgumentType] (Dagster handles it; its type says less)


def evaluation(
    instance: dg.DagsterInstance, result: dg.AssetCheckResult, *, blocking: bool, partition: str | None = None
) -> dg.AssetCheckEvaluation:
    """Return a check's result as an event that can be logged, about the asset's latest materialization.

    Raises:
        ValueError: The result names no asset or no check.
    """
    if result.asset_key is None or result.check_name is None:
        raise ValueError("a check's result that is logged names its asset and its check")
    record = latest_record(instance, result.asset_key, partition)
    target = record and AssetCheckEvaluationTargetMaterializationData(
        storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
    )
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=bool(result.passed),
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=blocking,
        partition=partition,
        target_materialization_data=target,
    )
