"""What the specs of the assets of token files share, and when Dagster makes them by itself."""

from collections.abc import Sequence

import dagster as dg

from prox_assets.orchestration.settings.corpus import Automation
from prox_assets.orchestration.settings.tokens import TokenAssetsSettings


def token_spec(
    settings: TokenAssetsSettings,
    name: str,
    description: str,
    deps: Sequence[dg.AssetKey],
    code_version: str,
    kinds: set[str],
    partitions: dg.PartitionsDefinition | None = None,
) -> dg.AssetSpec:
    """Return the spec of one of the assets; its output is optional, because ranged runs log an event per shard."""
    eager = settings.automation is Automation.EAGER
    return dg.AssetSpec(
        key=settings.key(name),
        deps=deps,
        skippable=True,
        group_name=settings.asset_group,
        owners=settings.owners,
        tags=settings.asset_tags,
        kinds=kinds,
        code_version=code_version,
        partitions_def=partitions,
        automation_condition=_eager() if eager else None,
        description=description,
    )


def _eager() -> dg.AutomationCondition:
    """Missing, or older than text or configuration; not again after a failure until one of these has changed."""
    condition = dg.AutomationCondition
    changed = condition.code_version_changed() | condition.any_deps_match(condition.data_version_changed())
    unhandled = changed.since(condition.newly_requested() | condition.newly_updated())
    wanted = (condition.missing() & ~condition.execution_failed()) | unhandled
    return wanted & ~condition.any_deps_missing() & ~condition.any_deps_in_progress() & ~condition.in_progress()


def build_token_automation(settings: TokenAssetsSettings) -> dg.AutomationConditionSensorDefinition | None:
    """Build the sensor that evaluates the conditions; None if automation is off."""
    if settings.automation is not Automation.EAGER:
        return None
    return dg.AutomationConditionSensorDefinition(
        name=f"{settings.name}_automation",
        target=dg.AssetSelection.key_prefixes([settings.name]).materializable(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.automation_interval_seconds,
        run_tags={"prox/tokens": settings.name},
        description=f"Writes the token files {settings.name} as their text appears and changes.",
    )
