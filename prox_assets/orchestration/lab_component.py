"""The `prox_assets.RefinerLab` component: annotate, train and evaluate your own refiners, from one YAML file."""

import dagster as dg

from prox_assets.orchestration.assets.lab_assets import LabSettings, build_lab_assets
from prox_assets.orchestration.settings_component import SettingsComponent


class RefinerLab(SettingsComponent[LabSettings]):
    """Your own refiners: seed annotations, training set, model and evaluation, per level (doc, chunk)."""

    settings_model = LabSettings

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the lab's assets; all components share the resources in build.py."""
        return dg.Definitions(assets=build_lab_assets(self.settings))
