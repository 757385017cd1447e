"""Asset `proof_report`: what the comparison says, and how sure it is."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.assets.proof.models import ARM_SCORES
from prox_assets.orchestration.assets.proof.spec import proof_spec
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.checks.up_to_date import CHECK
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.proof import ProofAssetsSettings
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.freshness import changes_since
from prox_assets.proof.report.contents import ProofContents

ASSET = "proof_report"

DESCRIPTION = """One HTML page: what was compared, a verdict with its interval for each contrast, and what it cost.

Contrasts that the settings name are primary, all others exploratory. The page says what cannot be concluded."""

DESCRIBE_CHECK = (
    "Whether its corpora have been read or executed again since its arms were made, and what else is newer."
)


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

    @dg.multi_asset(
        name=f"{settings.name}__{ASSET}",
        specs=[spec],
        check_specs=[dg.AssetCheckSpec(CHECK, asset=spec.key, description=DESCRIBE_CHECK)],
        can_subset=True,
        retry_policy=RETRY_POLICY,
        pool=settings.cpu_pool,
    )
    def proof_report(context: dg.AssetExecutionContext, lake: LakeResource, proofs: ProofsResource) -> Iterator[Result]:
        die_with_run_worker()
        folder, opened = proofs.folder(settings.name), lake.open()
        with no_retry_when_useless():
            if spec.key in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=spec.key, metadata=_written(opened, settings, folder))
            if context.selected_asset_check_keys:
                yield _up_to_date(opened, settings, folder)

    return proof_report


def _written(lake: Lake, settings: ProofAssetsSettings, folder: ProofFolder) -> dict[str, Any]:
    from prox_assets.proof.steps import report

    made = report(lake, settings, folder)
    return {
        "report": link(str(folder.report().resolve())),
        "verdicts": dg.MetadataValue.md(_verdicts(made)),
        "cannot_be_concluded": dg.MetadataValue.md(_listed(made.limits)),
        **_numbers(made),
    }


def _up_to_date(lake: Lake, settings: ProofAssetsSettings, folder: ProofFolder) -> dg.AssetCheckResult:
    changed = changes_since(lake, settings, folder)
    return dg.AssetCheckResult(
        asset_key=settings.key(ASSET),
        check_name=CHECK,
        passed=not changed,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(changed) or "everything is up to date",
        metadata={
            "changes": len(changed),
            "cost": "arms, tokens, and training of models whose arm comes out otherwise",
        },
    )


def _verdicts(made: ProofContents) -> str:
    return _listed([found.sentence for found in made.findings.primary])


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _numbers(made: ProofContents) -> dict[str, float]:
    """Return the gain of every primary contrast that was measured, which the UI plots over reports."""
    return {
        f"gain of {found.arm} against {found.against} ({found.model}, {found.budget})": found.gain
        for found in made.findings.primary
        if found.gain is not None
    }
