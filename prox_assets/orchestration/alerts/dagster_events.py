"""Reads what has happened to a corpus's checks and runs from a Dagster instance, as events for `incidents`.

Only what is new is read, by the event log's ids; a quiet tick costs one query per check and one for runs.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from prox_assets.monitoring.drift.settings import Severity
from prox_assets.orchestration.alerts.incidents import Event, Failure, Kind, OpenIncidents, Recovery, Subject
from prox_assets.orchestration.alerts.settings import AlertSettings

CORPUS_TAG = "prox/corpus"
# Dagster marks a failed run that it will retry shortly after the failure itself.
WILL_RETRY_TAG = "dagster/will_retry"
MESSAGE_CHARACTERS = 300
RUNS_PER_TICK = 100
_MOST_EVALUATIONS = 1000
# A database may show an id before a smaller one. Verdicts are read again a little way back: it changes nothing.
_OVERLAP = 100

_PLANNED = {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
_DONE = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
_STEPS = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_FAILURE}


def check_events(
    instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey], after: int, settings: AlertSettings
) -> tuple[list[Event], int]:
    """Return the latest verdicts that are newer than an id of the event log, and the newest id seen.

    A check that was planned and not evaluated says nothing.
    """
    events: list[Event] = []
    newest = after
    for check in checks:
        found = instance.event_log_storage.get_asset_check_partition_info([check], max(0, after - _OVERLAP))
        new = [info for info in found if info.latest_check_event_storage_id > max(0, after - _OVERLAP)]
        verdicts = {}
        if any(info.latest_execution_status.value == "FAILED" for info in new):
            verdicts = _evaluations(instance, check, len(new))
        for info in new:
            newest = max(newest, info.latest_check_event_storage_id)
            status = info.latest_execution_status.value
            if status not in ("SUCCEEDED", "FAILED"):
                continue
            place = {"asset": check.asset_key.to_user_string(), "check": check.name, "partition": info.partition_key}
            subject = Subject(Kind.FAILED_CHECK, **place)
            at, evaluation = verdicts.get((info.latest_planned_run_id, info.partition_key), (_now(), None))
            id_ = info.latest_check_event_storage_id
            events.append(Recovery(Subject(Kind.FAILED_RUN, **place), id_, at, "evaluated"))
            if status == "SUCCEEDED":
                events.append(Recovery(subject, id_, at, "passed"))
                continue
            warns = evaluation is not None and evaluation.severity is dg.AssetCheckSeverity.WARN
            if warns and settings.min_severity is Severity.ERROR:
                events.append(Recovery(subject, id_, at, "milder"))
                continue
            message = _line(evaluation.description) if evaluation is not None else ""
            severity = Severity.WARN if warns else Severity.ERROR
            events.append(Failure(subject, severity, id_, info.latest_planned_run_id, at, message, again=id_ <= after))
    return events, newest


def _evaluations(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, wanted: int
) -> dict[tuple[str, str | None], tuple[float, dg.AssetCheckEvaluation]]:
    """Return a check's latest evaluations by run and partition, each with its time."""
    limit = min(_MOST_EVALUATIONS, 2 * wanted + 20)
    history = instance.event_log_storage.get_asset_check_execution_history(check, limit)
    return {
        (record.run_id, record.partition): (record.event.timestamp, record.evaluation)
        for record in reversed(history)  # the newest comes last: verdicts outside runs share one run id, the empty one
        if record.event is not None and isinstance(record.evaluation, dg.AssetCheckEvaluation)
    }


def run_events(
    instance: dg.DagsterInstance, corpus: str, after: int, settled_before: float, since: float
) -> tuple[list[Event], int]:
    """Return what the corpus's runs failed to write, and the id of the last failed run that was looked at.

    Args:
        instance: Where runs are recorded.
        corpus: Runs count if they touch its assets or carry its tag.
        after: Id of the last failed run that was looked at before.
        settled_before: Later failures wait for the next call (seconds since 1970): their ids may still come out of
            order, and whether Dagster retries them is not marked yet.
        since: Earlier failures are not looked at.
    """
    filters = dg.RunStatusChangeRecordsFilter(
        event_type=dg.DagsterEventType.RUN_FAILURE,
        after_storage_id=after,
        before_timestamp=settled_before,
        after_timestamp=since,
    )
    records = instance.fetch_run_status_changes(filters, limit=RUNS_PER_TICK, ascending=True).records
    if not records:
        return [], after
    found = instance.get_runs(dg.RunsFilter(run_ids=[record.run_id for record in records]))
    runs = {run.run_id: run for run in found}
    events: list[Event] = []
    for record in records:
        run = runs.get(record.run_id)
        if run is None or run.tags.get(WILL_RETRY_TAG) == "true":
            continue  # deleted, or not over yet
        for subject, message in _failed_subjects(instance, run, corpus):
            events.append(
                Failure(subject, Severity.ERROR, record.storage_id, run.run_id, record.timestamp, _line(message))
            )
    return events, records[-1].storage_id


def _failed_subjects(instance: dg.DagsterInstance, run: dg.DagsterRun, corpus: str) -> Iterator[tuple[Subject, str]]:
    """Give what a failed run's failed steps were to write and did not, each with the step's error.

    A blocking check fails its step after its verdict, which is an incident of its own; nothing is given for it. If no
    step failed, the run's process died: then what was started and not written counts, or all of it if nothing was.
    """
    events = [
        record.event_log_entry.get_dagster_event()
        for record in instance.get_records_for_run(run.run_id, of_type=_PLANNED | _DONE | _STEPS).records
    ]
    errors = {
        event.step_key: _root_cause(event.event_specific_data)
        for event in events
        if event.event_type is dg.DagsterEventType.STEP_FAILURE
    }
    started = {event.step_key for event in events if event.event_type is dg.DagsterEventType.STEP_START}
    planned = [
        (event.step_key, subject) for event in events if event.event_type in _PLANNED for subject in _subjects(event)
    ]
    if not planned and run.tags.get(CORPUS_TAG) == corpus:
        yield Subject(Kind.FAILED_RUN, job=run.job_name), "; ".join(errors.values()) or "the run's process died"
    done = {subject for event in events if event.event_type in _DONE for subject in _subjects(event)}
    blamed = errors.keys() or started or {step for step, _ in planned}
    # A check in a step that makes assets has nothing to judge while they are not written, and may be skipped.
    making = {step for step, subject in planned if subject.check is None}
    for step, subject in planned:
        concerned = step in blamed and subject not in done and (subject.check is None or step not in making)
        if concerned and subject.asset and subject.asset.startswith(f"{corpus}/"):
            yield subject, errors.get(step, "the run's process died")


def _subjects(event: dg.DagsterEvent) -> list[Subject]:
    """Return what an event of a run plans, writes or evaluates, one subject per partition."""
    data: Any = event.event_specific_data
    data = getattr(data, "materialization", data)
    partitions = [getattr(data, "partition", None)]
    if (subset := getattr(data, "partitions_subset", None)) is not None:
        partitions = sorted(subset.get_partition_keys())
    asset, check = data.asset_key.to_user_string(), getattr(data, "check_name", None)
    return [Subject(Kind.FAILED_RUN, asset, check, partition) for partition in partitions]


def _root_cause(failure: Any) -> str:  # noqa: ANN401 (StepFailureData is private)
    """Return the message of the error below Dagster's own; a Failure's description is what a person wrote."""
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message if error is not None else "no error was recorded"


def recoveries(instance: dg.DagsterInstance, state: OpenIncidents, shards: Collection[str]) -> list[Event]:
    """Return the end of open incidents that no new verdict tells: written since, run since, or withdrawn.

    Args:
        instance: Where runs are recorded.
        state: Open incidents.
        shards: The corpus's partition keys.
    """
    events: list[Event] = []
    assets: dict[str, list[Failure]] = {}
    for subject, failure in state.items():
        if subject.partition is not None and subject.partition not in shards:
            events.append(Recovery(subject, failure.storage_id, _now(), "withdrawn"))
        elif subject.job is not None:
            events += _job_recovery(instance, failure)
        elif subject.kind is Kind.FAILED_RUN and subject.check is None and subject.asset is not None:
            assets.setdefault(subject.asset, []).append(failure)
    for asset, failures in assets.items():
        events += _materialized(instance, dg.AssetKey.from_user_string(asset), failures)
    return events


def _job_recovery(instance: dg.DagsterInstance, failure: Failure) -> Iterator[Event]:
    later = dg.RunsFilter(
        job_name=failure.subject.job,
        statuses=[dg.DagsterRunStatus.SUCCESS],
        created_after=datetime.fromtimestamp(failure.at, UTC),
    )
    for record in instance.get_run_records(later, limit=1):
        yield Recovery(failure.subject, failure.storage_id, record.end_time or _now(), "succeeded")


def _materialized(instance: dg.DagsterInstance, asset: dg.AssetKey, failures: Iterable[Failure]) -> Iterator[Event]:
    """Give a recovery for each partition that was written after the run that failed to."""
    by_partition = {failure.subject.partition: failure for failure in failures}
    keys = {key for key in by_partition if key is not None}
    written: dict[str | None, int] = {}
    if keys:
        event_type = dg.DagsterEventType.ASSET_MATERIALIZATION
        written.update(instance.event_log_storage.get_latest_storage_id_by_partition(asset, event_type, keys))
    if None in by_partition:
        for record in instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=asset), limit=1).records:
            written[None] = record.storage_id
    for partition, storage_id in written.items():
        failure = by_partition.get(partition)
        if failure is not None and storage_id > failure.storage_id:
            yield Recovery(failure.subject, storage_id, _now(), "materialized")


def _line(text: str | None) -> str:
    """Return a text as one line of bounded length."""
    line = " ".join((text or "").split())
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 1] + "…"


def _now() -> float:
    return datetime.now(UTC).timestamp()
