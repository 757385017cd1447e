"""The settings of token files in Dagster: what they are made from, and how Dagster shows and runs it."""

from typing import Literal

import dagster as dg
from pydantic import Field, field_validator, model_validator

from prox_assets.lake.identity import fingerprint
from prox_assets.orchestration.settings.corpus import Automation
from prox_assets.tokens.run_cards.settings import RunCardSettings
from prox_assets.tokens.settings import ArmSource, TableSource, TokenSettings

MANIFEST = "token_manifest"
ARM_TOKENS = "arm_tokens"
# What the files of a shard do not depend on.
_ELSEWHERE = {"name", "to"}


class TokenAssetsSettings(TokenSettings):
    """The attributes of TrainingTokens."""

    run_cards: tuple[RunCardSettings, ...] = Field(
        default=(), description="Base models to write a run card for, with the recipe of each (docs/tokens.md)."
    )
    automation: Literal[Automation.OFF, Automation.EAGER, False] = Field(
        default=Automation.OFF,
        validate_default=True,
        description="What is made with nobody clicking: off; eager: whatever is missing, or older than its text or its "
        "configuration.",
    )
    automation_interval_seconds: int = Field(
        default=30, ge=1, description="Shortest time between two looks at what automation has to make."
    )
    shards_per_run: int = Field(default=50, ge=1, description="Most shards that one run writes in a backfill.")
    cpu_pool: str = Field(default="cpu", description="Pool of all steps.")
    group: str | None = Field(default=None, description="Asset group; the name of the token files if unset.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    @field_validator("automation", mode="before")
    @classmethod
    def _off_is_no_boolean(cls, value: object) -> object:
        """YAML reads a bare `off` as false."""
        return Automation.OFF if value is False else value

    @model_validator(mode="after")
    def _no_two_cards_of_a_name(self) -> "TokenAssetsSettings":
        names = [card.card_name for card in self.run_cards]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"run_cards: there are two called {', '.join(twice)}; give one of them a name of its own")
        return self

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora whose shards are partitions; none for an arm."""
        return tuple(dict.fromkeys(self.source.corpora)) if isinstance(self.source, TableSource) else ()

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the assets."""
        return dg.AssetKey([self.name, asset])

    @property
    def token_assets(self) -> tuple[str, ...]:
        """Names of the assets that write token files."""
        return tuple(map(asset_of, self.corpora)) or (ARM_TOKENS,)

    def text_of(self, corpus: str) -> dg.AssetKey:
        """Return the key of the asset that writes the text of a corpus."""
        refined = isinstance(self.source, TableSource) and self.source.table == "refined"
        return dg.AssetKey([corpus, "refined_shards" if refined else "raw_shards"])

    @property
    def arm(self) -> ArmSource | None:
        """The arm of a proof, where the text is that of one."""
        return self.source if isinstance(self.source, ArmSource) else None

    @property
    def asset_group(self) -> str:
        """The group of the assets."""
        return self.group or self.name

    @property
    def asset_tags(self) -> dict[str, str]:
        """The tags of the assets."""
        return {"tokens": self.name, **self.tags}

    @property
    def code_version(self) -> str:
        """A fingerprint of what the token files follow from, but for the text."""
        settings = TokenSettings.model_validate(self.model_dump(include=set(TokenSettings.model_fields)))
        chosen = settings.model_dump(mode="json", exclude=_ELSEWHERE)
        chosen["source"].pop("corpora", None)  # another corpus changes no other's files
        return fingerprint(chosen)

    @property
    def manifest_version(self) -> str:
        """A fingerprint of what the manifest and the run cards follow from, but for the token files."""
        cards = [card.model_dump(mode="json") for card in self.run_cards]
        return fingerprint([self.code_version, self.source.model_dump(mode="json"), cards])


def asset_of(corpus: str) -> str:
    """Return the name of the asset that writes the token files of a corpus."""
    return f"{corpus}_tokens"
