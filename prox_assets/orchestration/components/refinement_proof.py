"""The `prox_assets.RefinementProof` component: does refining help? Models are trained on each arm and compared."""

import dagster as dg

from prox_assets.orchestration.assets.proof.arms import build_arm_tokens, build_arms
from prox_assets.orchestration.assets.proof.models import build_arm_models
from prox_assets.orchestration.assets.proof.report import build_proof_report
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.settings.proof import ProofAssetsSettings


class RefinementProof(SettingsComponent[ProofAssetsSettings]):
    """Proof by pre-training: the arms of corpora in the lake, models trained on each, their scores, and a report."""

    settings_model = ProofAssetsSettings
    name_setting = "name"
    resource_names = ("lake", "proofs")

    def definitions(self) -> dg.Definitions:
        """Build the proof's assets."""
        return proof_definitions(self.settings)


def proof_definitions(settings: ProofAssetsSettings) -> dg.Definitions:
    """Return the assets of a proof.

    Nothing of it happens by itself: a proof takes hours of a device, and its question does not change with every shard.
    """
    return dg.Definitions(
        assets=[
            build_arms(settings),
            build_arm_tokens(settings),
            build_arm_models(settings),
            build_proof_report(settings),
        ]
    )
