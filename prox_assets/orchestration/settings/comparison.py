"""The settings of a comparison of refiners in Dagster."""

from typing import Literal

import dagster as dg
from pydantic import Field, field_validator

from prox_assets.comparison.settings import ComparisonSettings
from prox_assets.lake.identity import fingerprint
from prox_assets.orchestration.settings.corpus import Automation
from prox_assets.stages.settings import WatchSettings


class RefinerComparisonSettings(ComparisonSettings):
    """The attributes of a RefinerComparison."""

    automation: Literal[Automation.OFF, Automation.EAGER, False] = Field(
        default=Automation.EAGER,
        validate_default=True,
        description="What is made with nobody clicking: off; eager: the comparison whenever a corpus has been refined.",
    )
    automation_interval_seconds: int = Field(
        default=30, ge=1, description="Shortest time between two looks at what automation has to make."
    )
    browser_url: str | None = Field(
        default=None, description=f"{WatchSettings.model_fields['browser_url'].description} The page then links there."
    )
    cpu_pool: str = Field(default="cpu", description="Pool of its step.")
    group: str | None = Field(default=None, description="Asset group; the name if unset.")
    owners: list[str] = Field(default_factory=list, description="Owners of the asset: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of the asset.")

    @field_validator("automation", mode="before")
    @classmethod
    def _off_is_no_boolean(cls, value: object) -> object:
        """YAML reads a bare `off` as false."""
        return Automation.OFF if value is False else value

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        return dg.AssetKey([self.name, "comparison"])

    @property
    def compared(self) -> ComparisonSettings:
        """The settings of the comparison alone, as `prox compare` has them."""
        return ComparisonSettings.model_validate(self.model_dump(include=set(ComparisonSettings.model_fields)))

    @property
    def code_version(self) -> str:
        """A fingerprint of what the numbers follow from, but for the corpora's results."""
        return fingerprint(self.compared.model_dump(mode="json"))
