"""Which incidents begin and which end, given what is known and what has happened. Pure: no Dagster, no clock.

A subject is what can be broken: a check (of one shard, or of the corpus), an asset's partition that a run failed to
write, or a job. An incident is the time during which its subject is broken, however many runs fail meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from prox_assets.monitoring.drift.settings import Severity

# Dagster stores the state with every tick, so 300 open incidents of 250 bytes are 75 kB each half minute.
MAX_OPEN = 300


class Kind(StrEnum):
    """What has happened to a subject."""

    FAILED_CHECK = "failed_check"
    FAILED_RUN = "failed_run"


@dataclass(frozen=True)
class Subject:
    """What is broken.

    Attributes:
        kind: A failed run may leave a check unevaluated; that is another subject than the check's verdict.
        asset: Asset key with slashes, or None for a job without assets.
        check: Name of the check, or None.
        partition: Shard key, or None where there is none.
        job: Name of the job, if there is no asset.
    """

    kind: Kind
    asset: str | None = None
    check: str | None = None
    partition: str | None = None
    job: str | None = None

    def __str__(self) -> str:
        what = self.job or self.asset or ""
        what = f"{what}: {self.check}" if self.check else what
        return f"{what} [{self.partition}]" if self.partition else what


@dataclass(frozen=True)
class Failure:
    """A check that failed or a run that did not write its asset.

    Attributes:
        storage_id: Place in Dagster's event log; later ids are later events.
        at: Time in seconds since 1970, UTC.
        message: One line.
        again: It has been read before.
    """

    subject: Subject
    severity: Severity
    storage_id: int
    run_id: str
    at: float
    message: str = ""
    again: bool = False


@dataclass(frozen=True)
class Recovery:
    """The news that a subject is in order, or no longer there.

    Attributes:
        storage_id: As in Failure.
        at: Time in seconds since 1970, UTC.
        reason: passed, evaluated, materialized, succeeded, withdrawn, or milder: it fails below `min_severity`.
    """

    subject: Subject
    storage_id: int
    at: float
    reason: str


Event = Failure | Recovery
OpenIncidents = dict[Subject, Failure]


@dataclass(frozen=True)
class Closed:
    """An incident that is over: its failure, when it ended, and by what."""

    failure: Failure
    at: float
    reason: str


@dataclass(frozen=True)
class Changes:
    """What a round of events changes.

    Attributes:
        opened: Incidents that began, or rose from WARN to ERROR, in order.
        closed: Incidents that ended, in order; one that began and ended in this round is in both.
        state: Open incidents after it; their messages are left out, because they have been told.
        untracked: Failures beyond `MAX_OPEN`: told as a number, and their end not at all.
    """

    opened: list[Failure]
    closed: list[Closed]
    state: OpenIncidents
    untracked: int = 0


def incidents(state: OpenIncidents, events: Iterable[Event]) -> Changes:
    """Apply events in the order of the log.

    Args:
        state: Open incidents before.
        events: What has happened since, in any order. Events that were seen before do no harm, unless a failure comes
            again after its incident has ended.
    """
    after = dict(state)
    opened: list[Failure] = []
    closed: list[Closed] = []
    untracked = 0
    for event in sorted(events, key=lambda event: event.storage_id):
        known = after.get(event.subject)
        if isinstance(event, Recovery):
            # A recovery that is older than the failure has nothing to say about it.
            if known is not None and event.storage_id >= known.storage_id:
                del after[event.subject]
                closed.append(Closed(known, event.at, event.reason))
        elif known is None and len(after) >= MAX_OPEN:
            untracked += not event.again
        elif known is None:
            after[event.subject] = event
            opened.append(event)
        else:
            rises = known.severity is Severity.WARN and event.severity is Severity.ERROR
            # The incident began when it began; only what has failed last can be recovered from.
            after[event.subject] = replace(event, at=known.at, severity=event.severity if rises else known.severity)
            if rises:
                opened.append(after[event.subject])
    return Changes(opened, closed, {key: replace(value, message="") for key, value in after.items()}, untracked)
