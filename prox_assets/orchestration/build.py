"""Builds the code location: the components under `prox_assets/defs` and the resources that they share."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from prox_assets.orchestration.resources import EnginesResource, LabResource, LakeResource


def default_resources() -> dict[str, Any]:
    """Return the resources that the assets use."""
    return {"lake": LakeResource(), "lab": LabResource(), "engines": EnginesResource()}


def build_defs(resource_overrides: Mapping[str, Any] | None = None, defs_folder: Path | None = None) -> dg.Definitions:
    """Build the definitions of a code location.

    Args:
        resource_overrides: Replaces resources by name: "lake", "lab", "engines".
        defs_folder: A folder of component folders inside a project; `prox_assets/defs` if None.
    """
    ignore_preview_warnings()
    corpora = dg.load_from_defs_folder(path_within_project=defs_folder or Path(__file__).parent.parent / "defs")
    resources = {**default_resources(), **(resource_overrides or {})}
    return dg.Definitions.merge(corpora, dg.Definitions(resources=resources))


def ignore_preview_warnings() -> None:
    """Silence Dagster's warnings that partitioned checks are in preview and multi-run backfills in beta.

    We use both on purpose; tests check the behaviour of the pinned version.
    """
    for category in (dg.BetaWarning, dg.PreviewWarning):
        warnings.filterwarnings("ignore", category=category)
