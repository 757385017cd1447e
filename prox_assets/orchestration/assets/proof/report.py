"""Asset `proof_report`: what the comparison says, and how sure it is."""

from collections.abc import Iterator

import dagster as dg

from prox_assets.orchestration.assets.partition_step import Result
from prox_assets.orchestration.assets.proof.models import ARM_SCORES
from prox_assets.orchestration.assets.proof.spec import proof_spec
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link, numbers
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.proof import ProofAssetsSettings
from prox_assets.orchestration.resources import LakeResource, ProofsResource

ASSET = "proof_report"

DESCRIPTION = """One HTML page: what was compared, a verdict with its interval for each contrast, and what it cost.

Contrasts that the settings name are primary, all others exploratory. The page says what cannot be concluded."""


def build_proof_report(settings: ProofAssetsSettings) -> dg.AssetsDefinition:
    """Build the asset; it reads the scores of all models that are there."""
    spec = proof_spec(
        settings,
        ASSET,
        DESCRIPTION,
        deps=[settings.key(ARM_SCORES)],
        configuration=settings.model_dump(mode="json", include={"contrasts", "arms", "models"}),
        kinds={"html"},
    )

    @dg.multi_asset(name=f"{settings.name}__{ASSET}", specs=[spec], retry_policy=RETRY_POLICY, pool=settings.cpu_pool)
    def proof_report(context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource) -> Iterator[Result]:
        die_with_run_worker()
        from prox_assets.proof.steps import report

        folder = proofs.folder(settings.name)
        with no_retry_when_useless():
            made = report(lake.open(), settings, folder)
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                "report": link(str(folder.report().resolve())),
                "verdicts": dg.MetadataValue.md(made.markdown),
                **numbers(made.numbers),
            },
        )

    return proof_report
