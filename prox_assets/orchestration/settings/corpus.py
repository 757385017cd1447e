"""A corpus's settings: what its defs.yaml may say, and what its assets, checks and sensors need to know."""

from enum import StrEnum
from typing import Literal

import dagster as dg
from pydantic import Field, field_validator

from prox_assets.engines.devices import devices_wanted, may_use_gpu
from prox_assets.orchestration.alerts.settings import AlertSettings
from prox_assets.placement.settings import LocalPlacement, Placement, Placements
from prox_assets.refiners.folder import LEVELS
from prox_assets.stages.settings import RefinementSettings, WatchSettings

GPU_TAGS = {"prox/accelerator": "gpu", "prox/gpu_count": "1", "prox/memory": "32Gi"}


class Automation(StrEnum):
    """What Dagster makes by itself."""

    OFF = "off"
    ON_NEW_SHARDS = "on_new_shards"
    EAGER = "eager"


def cron_expression(value: str | None) -> str | None:
    """Return a schedule as it is written.

    Raises:
        ValueError: It is no cron expression.
    """
    if value is None:
        return None
    try:
        dg.ScheduleDefinition(name="report", cron_schedule=value, target="*")
    except dg.DagsterInvalidDefinitionError as error:
        raise ValueError(
            f"{value!r} is not a cron expression, such as 0 5 * * * (minute, hour, day, month, weekday)"
        ) from error
    return value


class CorpusSettings(WatchSettings, RefinementSettings):
    """The attributes of a RefinedCorpus. Strings may contain templates such as {{ env.PROX_BUCKET }}."""

    automation: Automation | Literal[False] = Field(
        default=Automation.ON_NEW_SHARDS,
        validate_default=True,
        description="What is made with nobody clicking: off; on_new_shards: whatever shards are missing; eager: also "
        "what has become stale through changed inputs or configuration. Both also refresh the report and the catalog.",
    )
    automation_min_shards: int = Field(
        default=4,
        ge=1,
        description="Automation starts an engine once this many shards wait for it. Refiners without a model never "
        "wait.",
    )
    automation_max_wait_minutes: float = Field(
        default=15.0, ge=0, description="Automation starts an engine for fewer shards after this long."
    )
    automation_interval_seconds: int = Field(
        default=30, ge=1, description="Shortest time between two looks at what automation has to make."
    )
    shards_per_run: int = Field(default=8, ge=1, description="Most shards that one engine start serves in a backfill.")
    cpu_shards_per_run: int = Field(
        default=50, ge=1, description="Most shards that one run reads, or executes and measures, in a backfill."
    )
    placement: Placements = Field(
        default_factory=Placements,
        description="Where each step runs: in Dagster's own processes, or as jobs on Ray, Slurm or Kubernetes "
        "(infra/clusters.md).",
    )
    inference_pool: str | None = Field(
        default=None,
        description="Pool of inference steps; limit it to the engines that fit the hardware. By default gpu where an "
        "engine may use one; cpu_model where a model runs on processors only (`device: cpu`, or torch and vLLM built "
        "for them): one model takes all cores; the cpu_pool without a model. None where inference is placed on a "
        "cluster: the step then only waits.",
    )
    cpu_pool: str = Field(
        default="cpu", description="Pool of all other steps, except, by default, those placed on a cluster."
    )
    inference_tags: dict[str, str] | None = Field(
        default=None,
        description="What an inference step needs, as op tags for the executor or launcher that places it. By default "
        "one GPU and 32Gi of memory, or no accelerator where no engine uses one.",
    )
    discovery_interval_seconds: int = Field(
        default=300, ge=1, description="Shortest time between two listings of the source."
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
    alerts: AlertSettings | None = Field(
        default=None, description="Where failed checks and failed runs are told (docs/alerts.md); nowhere by default."
    )
    group: str | None = Field(default=None, description="Asset group; the corpus's name by default.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    @field_validator("automation", mode="before")
    @classmethod
    def _off_is_no_boolean(cls, value: object) -> object:
        """YAML reads a bare `off` as false."""
        return Automation.OFF if value is False else value

    _is_a_cron_expression = field_validator("report_schedule")(cron_expression)

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The corpus's shards."""
        return shard_partitions(self.corpus)

    @property
    def pool_of_inference(self) -> str | None:
        """The pool of inference steps, by default according to what the engines use; None for no limit."""
        if self.inference_pool is None and not isinstance(self.placement.programs, LocalPlacement):
            return None
        by_default = "gpu" if self.uses_gpu else "cpu_model" if self.plan.needs_engine else self.cpu_pool
        return self.inference_pool or by_default

    def pool_at(self, placement: Placement) -> str | None:
        """The pool of a step without a model; None for no limit."""
        local = isinstance(placement, LocalPlacement)
        return self.cpu_pool if local or "cpu_pool" in self.model_fields_set else None

    @property
    def tags_of_inference(self) -> dict[str, str]:
        """The op tags of inference steps, by default according to what the engines use."""
        if self.inference_tags is not None:
            return self.inference_tags
        here = isinstance(self.placement.programs, LocalPlacement)
        return dict(GPU_TAGS if here and self.uses_gpu else {"prox/accelerator": "none"})

    @property
    def uses_gpu(self) -> bool:
        """Whether the engine of a level may run on a GPU; a server counts as one."""
        return any(self.plan.asks_a_model(level) and may_use_gpu(self.plan.engine_for(level)) for level in LEVELS)

    def gpus_of_a_job(self) -> int:
        """How many GPUs a job of inference asks a cluster for, as far as the engines tell; a server needs none here."""
        engines = [self.plan.engine_for(level) for level in LEVELS if self.plan.asks_a_model(level)]
        return max(map(devices_wanted, engines), default=0)

    def runs_on(self, level: Literal["doc", "chunk"]) -> str:
        """Return what infers at a level: the kind of the engine, or python for refiners without a model."""
        return self.plan.engine_for(level).kind if self.plan.asks_a_model(level) else "python"

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the corpus's assets."""
        return dg.AssetKey([self.corpus, asset])

    @property
    def asset_group(self) -> str:
        """The group of the corpus's assets."""
        return self.group or self.corpus

    @property
    def asset_tags(self) -> dict[str, str]:
        """The tags of the corpus's assets."""
        return {"corpus": self.corpus, **self.tags}

    @property
    def inference_policy(self) -> dg.BackfillPolicy:
        """How many shards share a run, and so an engine start."""
        return dg.BackfillPolicy.multi_run(max_partitions_per_run=self.shards_per_run)

    @property
    def cpu_policy(self) -> dg.BackfillPolicy:
        """How many shards share a run of a step without a model.

        It must differ from the inference policy: Dagster puts assets of one policy into one run, and skips every step
        after the first in a run over several shards (measured with 1.13).
        """
        size = self.cpu_shards_per_run
        return dg.BackfillPolicy.multi_run(max_partitions_per_run=size + 1 if size == self.shards_per_run else size)

    @property
    def selection(self) -> dg.AssetSelection:
        """All assets that the corpus makes."""
        return dg.AssetSelection.key_prefixes([self.corpus]).materializable()


def shard_partitions(corpus: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a corpus: one per shard; discovery adds the keys.

    There is one dimension, because ranges, plots and the partition bar work on one. There is one definition per corpus,
    because a shared one would show every corpus the shards of all others.
    """
    return dg.DynamicPartitionsDefinition(name=f"{corpus}_shards")
