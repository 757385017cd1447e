"""The sensor `{corpus}_alerts`: reads what is new, decides what to tell, tells it, and keeps what could not be told.

It runs in the daemon and its code server, never in a run: whatever the webhook does, runs go on.
"""

import time
from collections.abc import Sequence

import dagster as dg
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from prox_assets.lake.errors import LakeError
from prox_assets.monitoring.alert_status import AlertStatus, write_alert_status
from prox_assets.orchestration.alerts.dagster_events import check_events, recoveries, run_events
from prox_assets.orchestration.alerts.incidents import Changes, Closed, Event, Failure, incidents
from prox_assets.orchestration.alerts.message import closed_line, opened_line, payload
from prox_assets.orchestration.alerts.settings import AlertSettings
from prox_assets.orchestration.alerts.webhook import send
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings

INTERVAL_SECONDS = 30
# A failed run is looked at when it is this old: see `run_events`.
SETTLE_SECONDS = 5.0
# The first tick looks this far back, and tells what is still broken.
FIRST_LOOK_SECONDS = 24 * 3600.0
# Kept for the next tick if the webhook does not answer; what is beyond is told as a number.
MAX_UNDELIVERED = 100


class AlertState(BaseModel):
    """What the sensor remembers from tick to tick: its cursor.

    Attributes:
        version: Another version's cursor is not read: the sensor begins anew.
        checks_until: Id of the newest verdict that was read.
        runs_until: Id of the newest failed run that was read.
        runs_since: Failed runs before this time are not looked at (seconds since 1970).
        open: Open incidents.
        opened: Beginnings that have not been told.
        closed: Ends that have not been told.
        more: Number of further changes that have not been told.
        attempts: Messages in a row that the webhook did not accept.
    """

    model_config = ConfigDict(frozen=True)

    version: int = 1
    checks_until: int = 0
    runs_until: int = 0
    runs_since: float
    open: tuple[Failure, ...] = ()
    opened: tuple[Failure, ...] = ()
    closed: tuple[Closed, ...] = ()
    more: int = 0
    attempts: int = 0

    def after(self, changes: Changes) -> "AlertState":
        """Return the state after some changes, with what is to be told."""
        opened, closed = (*self.opened, *changes.opened), (*self.closed, *changes.closed)
        kept_opened = opened[:MAX_UNDELIVERED]
        kept_closed = closed[: MAX_UNDELIVERED - len(kept_opened)]
        dropped = len(opened) - len(kept_opened) + len(closed) - len(kept_closed)
        return self.model_copy(
            update={
                "open": tuple(changes.state.values()),
                "opened": kept_opened,
                "closed": kept_closed,
                "more": self.more + changes.untracked + dropped,
            }
        )

    @property
    def untold(self) -> int:
        """Number of changes that have not been told."""
        return len(self.opened) + len(self.closed) + self.more


_STATE = TypeAdapter(AlertState)


def build_alert_sensor(settings: CorpusSettings) -> dg.SensorDefinition:
    """Build the sensor; it runs by default if the corpus has `alerts:`, and without them only logs."""
    alerts = settings.alerts or AlertSettings()
    running = dg.DefaultSensorStatus.RUNNING if settings.alerts else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=f"{settings.corpus}_alerts",
        description=f"Tells of failed checks and failed runs of {settings.corpus}, and when they are over.",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=running,
    )
    def tell(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
        before = _read_state(context)
        now = time.time()
        state, logged = _look(context, settings, alerts, before, now)
        for line in logged:
            context.log.warning("%s: %s", settings.corpus, line)
        state, outcome = _tell(state, settings, alerts, now)
        outcome += _record(lake, settings.corpus, before, state, now)
        if state.attempts:
            context.log.error("%s: %s", settings.corpus, outcome)
        return dg.SensorResult(skip_reason=dg.SkipReason(outcome), cursor=state.model_dump_json(exclude_defaults=True))

    return tell


def _read_state(context: dg.SensorEvaluationContext) -> AlertState | None:
    """Return the state of the last tick; None at the first, or if the cursor is none of this version."""
    if not context.cursor:
        return None
    try:
        state = _STATE.validate_json(context.cursor)
    except ValidationError:
        return None
    return state if state.version == AlertState.model_fields["version"].default else None


def _look(
    context: dg.SensorEvaluationContext,
    settings: CorpusSettings,
    alerts: AlertSettings,
    before: AlertState | None,
    now: float,
) -> tuple[AlertState, list[str]]:
    """Return the state after what is new, and the lines to log."""
    state = before or AlertState(runs_since=now - FIRST_LOOK_SECONDS)
    known = {failure.subject: failure for failure in state.open}
    shards = frozenset(context.instance.get_dynamic_partitions(settings.partitions.name or ""))
    verdicts, checks_until = check_events(
        context.instance, _checks(context, settings.corpus, alerts), state.checks_until, alerts
    )
    settled = now - SETTLE_SECONDS
    runs, runs_until = run_events(context.instance, settings.corpus, state.runs_until, settled, state.runs_since)
    events: list[Event] = [
        event
        for event in [*verdicts, *runs]
        # A verdict on a shard that has been withdrawn stays in Dagster's tables.
        if event.subject.partition is None or event.subject.partition in shards
    ]
    changes = incidents(known, [*events, *recoveries(context.instance, known, shards)])
    if before is None:
        changes = _still_broken(changes, state.runs_since)
    update = {"checks_until": checks_until, "runs_until": runs_until}
    logged = [opened_line(failure) for failure in changes.opened] + [closed_line(item) for item in changes.closed]
    if changes.untracked:
        logged.append(f"{changes.untracked} more failures, which are not followed")
    return state.after(changes).model_copy(update=update), logged


def _still_broken(changes: Changes, since: float) -> Changes:
    """Return what a first look tells: incidents that began lately and have not ended."""
    state = {subject: failure for subject, failure in changes.state.items() if failure.at >= since}
    return Changes([failure for failure in changes.opened if failure.subject in state], [], state)


def _checks(context: dg.SensorEvaluationContext, corpus: str, alerts: AlertSettings) -> Sequence[dg.AssetCheckKey]:
    """Return the checks on the corpus's assets, also those that a project has added."""
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("the sensor needs its code location, to know the corpus's checks")
    keys = context.repository_def.asset_graph.asset_check_keys
    return sorted(
        (key for key in keys if key.asset_key.path[0] == corpus and key.name not in alerts.ignore_checks),
        key=lambda key: (key.asset_key.path, key.name),
    )


def _tell(state: AlertState, settings: CorpusSettings, alerts: AlertSettings, now: float) -> tuple[AlertState, str]:
    """Send what has not been told; return the state after it, and the tick's outcome in one line."""
    summary = f"{len(state.open)} open"
    told = {"opened": (), "closed": (), "more": 0, "attempts": 0}
    if not state.untold:
        return state.model_copy(update=told), f"nothing new; {summary}"
    news = f"{len(state.opened)} began, {len(state.closed)} ended"
    if state.more:
        news += f", {state.more} not listed"
    if alerts.webhook is None:
        return state.model_copy(update=told), f"{news}; {summary}; logged, no webhook is set"
    message = payload(
        settings.corpus,
        state.opened,
        state.closed,
        more=state.more,
        still_open=len(state.open),
        format=alerts.format,
        dagster_url=settings.dagster_url,
        now=now,
    )
    problem = send(alerts, message)
    if problem is None:
        return state.model_copy(update=told), f"{news}; {summary}; sent"
    attempts = state.attempts + 1
    return (
        state.model_copy(update={"attempts": attempts}),
        f"{news}; {summary}; NOT sent: the webhook did not take it: {problem}. Attempt {attempts}; the next tick tries "
        "again",
    )


def _record(lake: LakeResource, corpus: str, before: AlertState | None, state: AlertState, now: float) -> str:
    """Leave for `prox metrics` how many incidents are open and untold, if that has changed; return what went wrong."""
    status = AlertStatus(open=len(state.open), untold=state.untold, failed_attempts=state.attempts, changed_at=now)
    if before is not None and _status(before) == _status(state):
        return ""
    try:
        write_alert_status(lake.open(), corpus, status)
    except LakeError as error:
        return f"; the lake's metrics do not show it: {error}"
    return ""


def _status(state: AlertState) -> tuple[int, int, int]:
    return len(state.open), state.untold, state.attempts
