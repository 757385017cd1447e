"""When Dagster makes a corpus's assets by itself: `automation` in defs.yaml as declarative conditions.

`on_new_shards` makes what is missing, and shards that come back after they were withdrawn; `eager` also what has become
stale through changed inputs or configuration. Both refresh the report and the catalog when metrics have changed. A
condition looks at data versions, so a shard that comes out identical requests nothing. A failed shard is tried again
only after its inputs or configuration have changed.
"""

from datetime import datetime, timedelta

import dagster as dg

from prox_assets.orchestration.settings.corpus import Automation, CorpusSettings
from prox_assets.orchestration.withdrawal import Withdrawn
from prox_assets.stages.states.shard_states import STAGES

AC = dg.AutomationCondition
# A waiting time is forgotten if nothing waited for this long: a few missed ticks are no new beginning.
FORGOTTEN_AFTER = timedelta(minutes=5)


def shard_condition(settings: CorpusSettings, *, joins_dep: bool, waits: bool) -> dg.AutomationCondition | None:
    """Return when an asset's shards are made; None if only people start them.

    Args:
        settings: The corpus.
        joins_dep: The asset is made in one step with its dependency, and is requested together with it.
        waits: Wait until several shards can share an engine start.
    """
    if settings.automation is Automation.OFF:
        return None
    # What a run made of an input says nothing about the asset if the same run was to make the asset, and failed.
    elsewhere = AC.data_version_changed() & ~AC.executed_with_root_target()
    withdrawn = Withdrawn()
    changed = AC.code_version_changed() | AC.any_deps_match(elsewhere) | withdrawn.newly_true()
    # The same expression in both modes: changes noticed while only new shards were made count after a switch to eager.
    unhandled = changed.since(AC.newly_requested() | AC.newly_updated()).with_label("changed since it was made")
    missing = (AC.missing() | withdrawn) & (~AC.execution_failed() | unhandled)
    wanted = missing | unhandled if settings.automation is Automation.EAGER else missing
    if joins_dep:
        wanted = wanted | AC.any_deps_match(AC.will_be_requested())
    no_input = AC.any_deps_match((AC.missing() | withdrawn) & ~AC.will_be_requested()).with_label("an input is missing")
    condition = wanted & ~no_input & ~AC.any_deps_in_progress() & ~AC.in_progress()
    if settings.automation is Automation.EAGER:
        # An input that is still to be made anew, such as one that waits for an engine, would make this twice.
        upstream = due = unhandled & ~AC.will_be_requested()
        for _ in range(len(STAGES) - 1):
            upstream = due | AC.any_deps_match(upstream)
        condition = condition & ~AC.any_deps_match(upstream).with_label("an input is to be made again first")
    if waits and settings.plan.needs_engine:
        minimum, longest = settings.automation_min_shards, timedelta(minutes=settings.automation_max_wait_minutes)
        condition = condition & EnoughShards(minimum, longest)
    return condition


def corpus_condition(settings: CorpusSettings) -> dg.AutomationCondition | None:
    """Return when an asset of the whole corpus is made: when metrics have changed and none is being measured.

    Shards without metrics do not matter: a shard that cannot be read never holds the report back.
    """
    return whole_condition(settings.automation or Automation.OFF, "metrics changed")


def whole_condition(automation: Automation, changed: str) -> dg.AutomationCondition | None:
    """Return when an asset without partitions is made from shards: when some have changed and none is being made.

    Args:
        automation: Whether it is made with nobody clicking.
        changed: What the UI calls a change.
    """
    if automation is Automation.OFF:
        return None
    made = AC.any_deps_match(~AC.missing())
    # A run is not taken as handling the changes that were made during it, so only requests reset this.
    unhandled = AC.any_deps_match(AC.data_version_changed()).since(AC.newly_requested())
    wanted = (AC.missing() & ~AC.execution_failed() & made) | unhandled.with_label(changed)
    return wanted & ~AC.any_deps_in_progress() & ~AC.in_progress()


class EnoughShards(dg.AutomationCondition[dg.AssetKey]):
    """True for all waiting shards when they are many enough, or have waited long enough.

    It is the last operand of a condition, because what is left for it to judge are the shards that wait.

    Args:
        minimum: Shards that are worth an engine start.
        longest: Longest wait for fewer.
    """

    def __init__(self, minimum: int, longest: timedelta) -> None:
        self.minimum = minimum
        self.longest = longest

    @property
    def name(self) -> str:
        """What the UI shows."""
        minutes = self.longest.total_seconds() / 60
        return f"{self.minimum} shards wait, or one has waited for {minutes:g} minutes"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """Return all candidates, or none; the cursor says since when shards have been waiting."""
        waiting, now = context.candidate_subset, context.evaluation_time
        if waiting.is_empty:
            return dg.AutomationResult(context, context.get_empty_subset(), cursor=context.cursor)
        since = _since(context.cursor, now)
        if waiting.size >= self.minimum or now - since >= self.longest:
            return dg.AutomationResult(context, waiting)
        return dg.AutomationResult(context, context.get_empty_subset(), cursor=f"{since.isoformat()} {now.isoformat()}")


def _since(cursor: str | None, now: datetime) -> datetime:
    """Return since when shards wait, given the cursor: when the wait began, and when shards were last seen waiting."""
    if not cursor:
        return now
    began, last = (datetime.fromisoformat(part) for part in cursor.split())
    return began if now - last < FORGOTTEN_AFTER else now


def build_automation_sensor(settings: CorpusSettings) -> dg.AutomationConditionSensorDefinition | None:
    """Build the sensor that evaluates the corpus's conditions; None if automation is off.

    It runs in the code server, where Dagster evaluates conditions written in Python.
    """
    if settings.automation is Automation.OFF:
        return None
    return dg.AutomationConditionSensorDefinition(
        name=f"{settings.corpus}_automation",
        target=settings.selection,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.automation_interval_seconds,
        use_user_code_server=True,
        run_tags={"prox/corpus": settings.corpus},
        description=f"Refines, measures and reports shards of {settings.corpus}: automation is {settings.automation}.",
    )
