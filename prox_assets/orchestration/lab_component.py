"""The `prox_assets.RefinerLab` component: annotate, train and evaluate your own refiners, from one YAML file.

This module defines what a lab's defs.yaml may contain and which definitions it becomes; prox_assets.training.lab.stages
does the assets' work.
"""

import os
from typing import Any, Self, cast

import dagster as dg
from pydantic import BaseModel, Field

from prox_assets.orchestration.assets.lab_assets import LabSettings, build_lab_assets
from prox_assets.training.data.pages import PAGES_VARIABLE, SILVER_VARIABLE
from prox_assets.training.lab.settings import LabPlan


class RefinerLabAttributes(LabPlan):
    """The attributes of a RefinerLab: its plan's, and how Dagster shows and runs it."""

    pool: str = Field(default="gpu", description="Pool of the training and evaluation steps.")
    group: str = Field(default="refiner_lab", description="Asset group.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    def settings(self) -> LabSettings:
        """Return the validated settings; without `pages`, the environment variables name the pages."""
        own = {"pool", "group", "owners", "tags"}
        values = self.model_dump(exclude=own)
        if not values["pages"]:
            named = (os.environ.get(PAGES_VARIABLE), os.environ.get(SILVER_VARIABLE))
            values["pages"] = tuple(path for path in named if path)
        return LabSettings(
            plan=LabPlan.model_validate(values),
            pool=self.pool,
            group=self.group,
            owners=tuple(self.owners),
            tags=dict(self.tags),
        )


class RefinerLab(dg.Component):
    """Your own refiners: seed annotations, training set, model and evaluation, per level (doc, chunk)."""

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the schema of `attributes` in defs.yaml."""
        return RefinerLabAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Resolve templates in the attributes and build the component."""
        if attributes is None:
            raise ValueError("RefinerLab needs attributes: doc and chunk at least")
        given = attributes.model_dump(mode="json", exclude_unset=True)
        resolved = cast("dict[str, Any]", context.resolution_context.resolve_value(given))
        return cls(RefinerLabAttributes.model_validate(resolved).settings())

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the lab's assets; all components share the resources in build.py."""
        return dg.Definitions(assets=build_lab_assets(self.settings))
