"""A corpus's settings: what its defs.yaml may say, and what its assets, checks and sensors need to know."""

from typing import Any, Literal

import dagster as dg
from pydantic import Field, field_validator

from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.orchestration.failures import RETRY_POLICY
from prox_assets.stages.settings import RefinementSettings


class CorpusSettings(RefinementSettings):
    """The attributes of a RefinedCorpus. Strings may contain templates such as {{ env.PROX_BUCKET }}."""

    shards_per_run: int = Field(default=8, ge=1, description="Most shards that one engine start serves in a backfill.")
    inference_pool: str | None = Field(
        default=None,
        description="Pool of inference steps; limit it to the engines that fit the hardware. By default gpu, and the "
        "cpu_pool for refiners without a model.",
    )
    cpu_pool: str = Field(default="cpu", description="Pool of all other steps.")
    inference_tags: dict[str, str] = Field(
        default_factory=lambda: {"prox/accelerator": "gpu", "prox/gpu_count": "1", "prox/memory": "32Gi"},
        description="What an inference step needs, as op tags for the executor or launcher that places it.",
    )
    discovery_interval_seconds: int = Field(
        default=300, ge=30, description="Shortest time between two listings of the source."
    )
    report_schedule: str | None = Field(
        default="0 5 * * *",
        description="When refinement_report is rewritten: a cron expression in UTC, or null for on demand only.",
    )
    report_freshness_hours: float = Field(
        default=36.0,
        gt=0,
        description="Age at which the report counts as stale; longer than the schedule's longest pause.",
    )
    monitoring: DriftSettings = Field(
        default_factory=DriftSettings,
        description="When a shard counts as drifted: baseline, thresholds and severities (docs/drift.md).",
    )
    browser_url: str | None = Field(
        default=None,
        description="Where `prox browse` serves the lake, such as http://localhost:3001: materializations and assets "
        "then link to its pages instead of to files.",
    )
    group: str | None = Field(default=None, description="Asset group; the corpus's name by default.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    @field_validator("browser_url")
    @classmethod
    def _opens_in_a_browser(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://", "{{")):
            raise ValueError(f"{value!r} is not an address that opens in a browser, such as http://localhost:3001")
        return value

    @field_validator("report_schedule")
    @classmethod
    def _is_a_cron_expression(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            dg.ScheduleDefinition(name="report", cron_schedule=value, target="*")
        except dg.DagsterInvalidDefinitionError as error:
            raise ValueError(
                f"{value!r} is not a cron expression, such as 0 5 * * * (minute, hour, day, month, weekday)"
            ) from error
        return value

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The corpus's shards."""
        return shard_partitions(self.corpus)

    @property
    def pool_of_inference(self) -> str:
        """The pool of inference steps, by default according to what the refiners need."""
        return self.inference_pool or ("gpu" if self.plan.needs_engine else self.cpu_pool)

    def runs_on(self, level: Literal["doc", "chunk"]) -> str:
        """Return what infers at a level: the kind of the engine, or python for refiners without a model."""
        config = self.plan.refiner(level)
        return self.plan.engine_for(level).kind if config is not None and config.needs_engine else "python"

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the corpus's assets."""
        return dg.AssetKey([self.corpus, asset])

    def asset_arguments(self, asset: str, deps: tuple[str, ...]) -> dict[str, Any]:
        """Return the `dg.asset` arguments that all assets of the corpus share."""
        return {
            "key": self.key(asset),
            "deps": [self.key(dep) for dep in deps],
            "group_name": self.group or self.corpus,
            "owners": self.owners,
            "tags": {"corpus": self.corpus, **self.tags},
            "retry_policy": RETRY_POLICY,
        }


def shard_partitions(corpus: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a corpus: one per shard; discovery adds the keys.

    There is one dimension, because ranges, plots and the partition bar work on one. There is one definition per corpus,
    because a shared one would show every corpus the shards of all others.
    """
    return dg.DynamicPartitionsDefinition(name=f"{corpus}_shards")
