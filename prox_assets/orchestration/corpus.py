"""A corpus's settings in Dagster: the plan, and how its assets are grouped, owned, pooled and run."""

from dataclasses import dataclass, field
from typing import Any, Literal

import dagster as dg

from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.orchestration.partitions import shard_partitions
from prox_assets.stages.plan import RefinementPlan


@dataclass(frozen=True)
class CorpusSettings:
    """Everything the asset builders need.

    Attributes:
        plan: The corpus's configuration.
        group: Asset group.
        owners: Owners of every asset.
        tags: Tags of every asset.
        shards_per_run: Upper bound of shards that one engine start serves.
        inference_pool: Pool of the inference steps; its limit is the number of engines that fit the hardware.
        cpu_pool: Pool of all other steps.
        inference_tags: What an inference step needs, for the executor or launcher that places it.
        discovery_interval_seconds: Shortest time between two listings of the source.
        report_schedule: When the report is rewritten, as a cron expression in UTC; None for on demand only.
        report_freshness_hours: Age at which the report counts as stale.
        monitoring: How shards are judged against earlier ones.
    """

    plan: RefinementPlan
    group: str
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    shards_per_run: int = 8
    inference_pool: str = "gpu"
    cpu_pool: str = "cpu"
    inference_tags: dict[str, str] = field(default_factory=dict)
    discovery_interval_seconds: int = 300
    report_schedule: str | None = "0 5 * * *"
    report_freshness_hours: float = 36.0
    monitoring: DriftSettings = field(default_factory=DriftSettings)

    @property
    def corpus(self) -> str:
        """The corpus's name, prefix of its asset keys."""
        return self.plan.corpus

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The corpus's shards."""
        return shard_partitions(self.corpus)

    def runs_on(self, level: Literal["doc", "chunk"]) -> str:
        """Return what infers at a level: the kind of the engine, or python for refiners without a model."""
        config = self.plan.refiner(level)
        return self.plan.engine_for(level).kind if config is not None and config.needs_engine else "python"

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the corpus's assets."""
        return dg.AssetKey([self.corpus, asset])

    def asset_arguments(self, asset: str, deps: tuple[str, ...]) -> dict[str, Any]:
        """Return the `dg.asset` arguments of every asset of the corpus: key, upstream assets, group, owners, tags."""
        return {
            "key": self.key(asset),
            "deps": [self.key(dep) for dep in deps],
            "group_name": self.group,
            "owners": list(self.owners),
            "tags": {"corpus": self.corpus, **self.tags},
        }
