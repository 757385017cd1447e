"""The `prox_assets.PublishedDataset` component: a folder that a hub takes as it is, and its release checks."""

import dagster as dg

from prox_assets.orchestration.assets.publishing import build_dataset
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.settings.publishing import PublishedDatasetSettings


class PublishedDataset(SettingsComponent[PublishedDatasetSettings]):
    """A data set to publish: refined corpora as Parquet with card, Croissant, provenance and checksums."""

    settings_model = PublishedDatasetSettings
    name_setting = "name"
    resource_names = ("lake",)

    def definitions(self) -> dg.Definitions:
        """Build the data set's asset."""
        return dataset_definitions(self.settings)


def dataset_definitions(settings: PublishedDatasetSettings) -> dg.Definitions:
    """Return the asset of a data set, with its checks.

    It is never uploaded from here: that is for a person to decide, with `prox publish --upload`.
    """
    return dg.Definitions(assets=[build_dataset(settings)])
