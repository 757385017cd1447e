"""The settings of a proof in Dagster: what it compares, and how Dagster shows and runs it."""

import dagster as dg
from pydantic import Field

from prox_assets.proof.runs import ModelRun, runs_of
from prox_assets.proof.settings import ProofSettings


class ProofAssetsSettings(ProofSettings):
    """The attributes of a RefinementProof."""

    pool: str = Field(default="gpu", description="Pool of the steps that train and score models.")
    cpu_pool: str = Field(default="cpu", description="Pool of the other steps.")
    models_per_run: int = Field(
        default=16, ge=1, description="Models that one run of a backfill trains, one after another in one process."
    )
    group: str | None = Field(default=None, description="Asset group; the proof's name if unset.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the proof's assets."""
        return dg.AssetKey([self.name, asset])

    @property
    def asset_group(self) -> str:
        """The group of the proof's assets."""
        return self.group or self.name

    @property
    def asset_tags(self) -> dict[str, str]:
        """The tags of the proof's assets."""
        return {"proof": self.name, **self.tags}

    @property
    def runs(self) -> dict[str, ModelRun]:
        """The models by partition key: arm, model, budget and seed."""
        return {f"{run.arm}.{run.variant}": run for run in runs_of(self)}

    @property
    def arm_partitions(self) -> dg.StaticPartitionsDefinition:
        """One partition per arm."""
        return dg.StaticPartitionsDefinition([arm.name for arm in self.arms])

    @property
    def model_partitions(self) -> dg.StaticPartitionsDefinition:
        """One partition per model.

        There is one dimension rather than two, because some models are trained on some arms only, and because plots and
        the partition bar work on one.
        """
        return dg.StaticPartitionsDefinition(list(self.runs))

    @property
    def models_of_arms(self) -> dg.StaticPartitionMapping:
        """Which models are trained on an arm."""
        keys: dict[str, set[str]] = {}
        for key, run in self.runs.items():
            keys.setdefault(run.arm, set()).add(key)
        return dg.StaticPartitionMapping(keys)
