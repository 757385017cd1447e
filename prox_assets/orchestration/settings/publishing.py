"""The settings of a published data set in Dagster: what it holds, and how Dagster shows and runs it."""

import dagster as dg
from pydantic import Field

from prox_assets.publishing.settings import PublishSettings


class PublishedDatasetSettings(PublishSettings):
    """The attributes of a PublishedDataset."""

    pool: str = Field(default="cpu", description="Pool of the step.")
    group: str | None = Field(default=None, description="Asset group; the data set's name if unset.")
    owners: list[str] = Field(default_factory=list, description="Owners of the asset: e-mail addresses or team:name.")
    asset_tags: dict[str, str] = Field(
        default_factory=dict, description="Tags of the asset; `tags` are those on the hub."
    )

    @property
    def key(self) -> dg.AssetKey:
        """The key of the asset."""
        return dg.AssetKey([self.name, "dataset"])

    @property
    def published(self) -> PublishSettings:
        """The settings of the data set alone, as `prox publish` has them."""
        return PublishSettings.model_validate(self.model_dump(include=set(PublishSettings.model_fields)))
