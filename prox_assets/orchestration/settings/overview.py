"""The settings of an overview in Dagster."""

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator

from prox_assets.orchestration.settings.corpus import cron_expression
from prox_assets.overview.reading import OPENED
from prox_assets.stages.settings import WatchSettings


class OverviewSettings(BaseModel):
    """The attributes of a LakeOverview."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default="lake", pattern=r"^[a-z][a-z0-9_]*$", description="First part of the asset's key, and its group."
    )
    open_at_most: int = Field(
        default=OPENED,
        ge=0,
        description="How many files one overview opens to see whether they are current; what they say is remembered, "
        "and the next one goes on with others.",
    )
    schedule: str | None = Field(
        default="30 5 * * *",
        description="When the overview is written again: a cron expression in UTC, or null for on demand only.",
    )
    freshness_hours: float = Field(default=36.0, gt=0, description="Age at which it counts as stale.")
    browser_url: str | None = Field(
        default=None, description=f"{WatchSettings.model_fields['browser_url'].description} The page then links there."
    )
    cpu_pool: str = Field(default="cpu", description="Pool of its step.")
    group: str | None = Field(default=None, description="Asset group; the name if unset.")
    owners: list[str] = Field(default_factory=list, description="Owners of the asset: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of the asset.")

    _is_a_cron_expression = field_validator("schedule")(cron_expression)

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        return dg.AssetKey([self.name, "overview"])
