"""The `prox_assets.TrainingTokens` component: token files that trainers read, and run cards to train with."""

import dagster as dg

from prox_assets.orchestration.assets.tokens.manifest import build_token_manifest
from prox_assets.orchestration.assets.tokens.shards import build_arm_tokens, build_shard_tokens
from prox_assets.orchestration.assets.tokens.spec import build_token_automation
from prox_assets.orchestration.defs_yaml.scaffolder import TrainingTokensScaffolder
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.settings.tokens import TokenAssetsSettings


@dg.scaffold_with(TrainingTokensScaffolder)
class TrainingTokens(SettingsComponent[TokenAssetsSettings]):
    """Token files of corpora in the lake, or of an arm of a proof: an asset per corpus, and their manifest."""

    settings_model = TokenAssetsSettings
    name_setting = "name"
    resource_names = ("lake", "proofs")

    def definitions(self) -> dg.Definitions:
        """Build the assets."""
        return token_definitions(self.settings)


def token_definitions(settings: TokenAssetsSettings) -> dg.Definitions:
    """Return the assets, checks and sensor of a set of token files."""
    automation = build_token_automation(settings)
    written = [build_shard_tokens(settings, corpus) for corpus in settings.corpora] or [build_arm_tokens(settings)]
    return dg.Definitions(
        assets=[*written, build_token_manifest(settings)],
        sensors=[automation] if automation is not None else [],
    )
