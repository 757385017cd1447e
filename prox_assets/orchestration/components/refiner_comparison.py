"""The `prox_assets.RefinerComparison` component: several refiners on the same raw files, as one asset."""

import dagster as dg

from prox_assets.orchestration.assets.comparison import build_comparison, build_comparison_automation
from prox_assets.orchestration.defs_yaml.scaffolder import RefinerComparisonScaffolder
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.settings.comparison import RefinerComparisonSettings


@dg.scaffold_with(RefinerComparisonScaffolder)
class RefinerComparison(SettingsComponent[RefinerComparisonSettings]):
    """Refiners compared: what each keeps, how far they agree, what each costs, where they differ."""

    settings_model = RefinerComparisonSettings
    name_setting = "name"
    resource_names = ("lake",)

    def definitions(self) -> dg.Definitions:
        """Build the asset and the sensor of its automation."""
        return comparison_definitions(self.settings)


def comparison_definitions(settings: RefinerComparisonSettings) -> dg.Definitions:
    """Return the asset of a comparison, and the sensor of its automation."""
    automation = build_comparison_automation(settings)
    return dg.Definitions(assets=[build_comparison(settings)], sensors=[automation] if automation is not None else [])
