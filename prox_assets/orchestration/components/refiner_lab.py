"""The `prox_assets.RefinerLab` component: annotate, train and evaluate your own refiners, from one YAML file."""

import dagster as dg

from prox_assets.orchestration.assets.lab_assets import LabSettings, build_lab_assets
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent


class RefinerLab(SettingsComponent[LabSettings]):
    """Your own refiners: seed annotations, training set, model and evaluation, per level (doc, chunk)."""

    settings_model = LabSettings
    name_setting = "name"
    resource_names = ("lab",)

    def definitions(self) -> dg.Definitions:
        """Build the lab's assets."""
        return dg.Definitions(assets=build_lab_assets(self.settings))
