"""Assets `arms` and `arm_tokens`: what each contestant is trained on, and its tokens."""

import dagster as dg

from prox_assets.orchestration.assets.proof.spec import proof_spec
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.proof import ProofAssetsSettings

ARMS = "arms"
ARM_TOKENS = "arm_tokens"

DESCRIBE_ARMS = """What each contestant is trained on: documents of the lake, and the parts of them that are in the arm.

All arms share one list of documents and one order; a document that an arm drops keeps its place. Sites are split into
training and evaluation. Every refined arm brings its controls: as much text, removed at random."""

DESCRIBE_TOKENS = """The arm's documents as token ids, each cut after `text.document_tokens` tokens."""


def build_arms(settings: ProofAssetsSettings) -> dg.AssetsDefinition:
    """Build the asset `arms`, which depends on the refined shards of all corpora that arms take text from."""
    spec = proof_spec(
        settings,
        ARMS,
        DESCRIBE_ARMS,
        deps=[dg.AssetKey([corpus, "refined_shards"]) for corpus in settings.source_corpora],
        configuration=settings.model_dump(mode="json", include={"corpora", "arms", "text", "tokenizer", "seed"}),
        kinds={"parquet", "polars"},
    )

    @dg.multi_asset(name=f"{settings.name}__{ARMS}", specs=[spec], retry_policy=RETRY_POLICY, pool=settings.cpu_pool)
    def arms(context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource) -> dg.MaterializeResult:
        die_with_run_worker()
        from prox_assets.proof.steps import make_arms

        folder = proofs.folder(settings.name)
        with no_retry_when_useless():
            made = make_arms(lake.open(), settings, folder, context.log.info)
        return dg.MaterializeResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(made.identity),
            metadata={
                "documents": made.documents.training,
                "held_out_documents": made.documents.held_out,
                "sites": made.documents.sites,
                "held_out_sites": made.documents.held_out_sites,
                "quarantined": sum(made.documents.quarantined.values()),
                "other_scripts": made.documents.other_scripts,
                "arms": dg.MetadataValue.md(made.markdown),
                "folder": link(str(folder.root / "arms")),
            },
        )

    return arms


def build_arm_tokens(settings: ProofAssetsSettings) -> dg.AssetsDefinition:
    """Build the asset `arm_tokens`, one partition per arm."""
    spec = proof_spec(
        settings,
        ARM_TOKENS,
        DESCRIBE_TOKENS,
        deps=[settings.key(ARMS)],
        configuration=settings.model_dump(mode="json", include={"tokenizer", "text"}),
        kinds={"numpy"},
        partitions=settings.arm_partitions,
    )

    @dg.multi_asset(
        name=f"{settings.name}__{ARM_TOKENS}", specs=[spec], retry_policy=RETRY_POLICY, pool=settings.cpu_pool
    )
    def arm_tokens(
        context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource
    ) -> dg.MaterializeResult:
        die_with_run_worker()
        from prox_assets.proof.steps import make_tokens

        folder = proofs.folder(settings.name)
        with no_retry_when_useless():
            made = make_tokens(lake.open(), settings, folder, context.partition_key)
        return dg.MaterializeResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(made.identity),
            metadata={
                "documents": len(made.offsets) - 1,
                "tokens": int(made.offsets[-1]),
                "folder": link(str(folder.tokens(context.partition_key))),
            },
        )

    return arm_tokens
