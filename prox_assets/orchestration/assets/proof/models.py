"""Assets `arm_models` and `arm_scores`, made in one step: a model per arm, size, budget and seed, and its scores."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from prox_assets.machine.leases import name_process
from prox_assets.orchestration.assets.proof.arms import ARM_TOKENS, ARMS
from prox_assets.orchestration.assets.proof.spec import proof_spec
from prox_assets.orchestration.assets.shards.partition_step import PartitionStep, Result
from prox_assets.orchestration.failures import RETRY_POLICY
from prox_assets.orchestration.metadata import link, numbers
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.proof import ProofAssetsSettings

ARM_MODELS = "arm_models"
ARM_SCORES = "arm_scores"
LOGGED_SHARE = 0.1

DESCRIBE_MODELS = """A language model trained on an arm: partitions are arm, model, budget and seed.

Models of one seed share document order and initial weights, whatever their arm. A killed training resumes at its
newest checkpoint, with the same losses."""

DESCRIBE_SCORES = """The model's scores on texts of held-out sites and on tasks, item by item."""


@dataclass
class ModelStep(PartitionStep[ProofAssetsSettings]):
    """A step over models of a proof."""

    NOUN = "models"

    def input_partition(self, asset: dg.AssetKey, key: str) -> str | None:
        """Return the arm's tokens or the model itself."""
        if asset == self.settings.key(ARM_TOKENS):
            return self.settings.runs[key].arm
        return None if asset == self.settings.key(ARMS) else key


def build_arm_models(settings: ProofAssetsSettings) -> dg.AssetsDefinition:
    """Build both assets; a run of a backfill trains up to `models_per_run` models, one after another."""
    partitions = settings.model_partitions
    specs = [
        proof_spec(
            settings,
            ARM_MODELS,
            DESCRIBE_MODELS,
            deps=[dg.AssetDep(settings.key(ARM_TOKENS), partition_mapping=settings.models_of_arms)],
            configuration=settings.model_dump(mode="json", include={"models", "tokens", "documents", "seed"}),
            kinds={"pytorch"},
            partitions=partitions,
        ),
        proof_spec(
            settings,
            ARM_SCORES,
            DESCRIBE_SCORES,
            deps=[settings.key(ARM_MODELS)],
            configuration=settings.model_dump(mode="json", include={"evaluation", "text"}),
            kinds={"parquet"},
            partitions=partitions,
        ),
    ]

    @dg.multi_asset(
        name=f"{settings.name}__{ARM_MODELS}",
        specs=specs,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.models_per_run),
        retry_policy=RETRY_POLICY,
        pool=settings.pool,
    )
    def arm_models(context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource) -> Iterator[Result]:
        die_with_run_worker()
        name_process(f"Dagster run {context.run_id}, {settings.name}")
        from prox_assets.proof.steps import score_model, train_model

        opened, folder = lake.open(), proofs.folder(settings.name)
        step = ModelStep(context, settings)

        def train(key: str) -> Iterator[Result]:
            logged = 0.0

            def progress(done: int, total: int) -> None:
                nonlocal logged
                if done / total >= logged:
                    context.log.info("%s: %s of %s steps", key, done, total)
                    logged += LOGGED_SHARE

            run = settings.runs[key]
            made = train_model(opened, settings, folder, run, context.run_id, progress)
            shown = made.model_dump(exclude={"arm", "model", "budget", "seed", "identity", "device", "losses"})
            yield dg.MaterializeResult(
                asset_key=settings.key(ARM_MODELS),
                data_version=dg.DataVersion(made.identity),
                metadata={
                    **numbers(shown),
                    **({"loss": made.losses[-1][1]} if made.losses else {}),
                    "device": made.device,
                    "folder": link(str(folder.model(run))),
                },
            )

        def score(key: str) -> Iterator[Result]:
            run = settings.runs[key]
            made = score_model(opened, settings, folder, run)
            yield dg.MaterializeResult(
                asset_key=settings.key(ARM_SCORES),
                data_version=dg.DataVersion(made.identity),
                metadata={**numbers(made.means), "learned": made.learned, "file": link(str(folder.scores(run)))},
            )

        for asset, work in ((ARM_MODELS, train), (ARM_SCORES, score)):
            if step.makes(asset):
                yield from step.each((asset,), work)
        step.finish()

    return arm_models
