"""Everything put together: the corpora under `prox_assets/defs` and the resources they share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from prox_assets.orchestration.resources import EnginesResource, LakeResource


def default_resources() -> dict[str, Any]:
    """Return the resources that every corpus's assets use."""
    return {"lake": LakeResource(), "engines": EnginesResource()}


def build_defs(resource_overrides: Mapping[str, Any] | None = None, defs_folder: Path | None = None) -> dg.Definitions:
    """Build the definitions of a code location, anew at each call.

    Args:
        resource_overrides: Replaces resources by name: "lake", "engines".
        defs_folder: A folder of component folders; `prox_assets/defs` by default.
    """
    folder = defs_folder or Path(__file__).parent.parent / "defs"
    corpora = dg.load_from_defs_folder(path_within_project=folder)
    return dg.Definitions.merge(
        corpora, dg.Definitions(resources={**default_resources(), **(resource_overrides or {})})
    )
