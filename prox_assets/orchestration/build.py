"""Builds the code location: the components under `prox_assets/defs`, or under another project's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from prox_assets.orchestration.preview_warnings import ignore_preview_warnings
from prox_assets.orchestration.resources import overriding


def build_defs(resource_overrides: Mapping[str, Any] | None = None, defs_folder: Path | None = None) -> dg.Definitions:
    """Build the definitions of a code location.

    Args:
        resource_overrides: Resources by name that replace the components' defaults ("lake", "lab", "engines").
        defs_folder: A folder of component folders inside a project; `prox_assets/defs` if None.
    """
    ignore_preview_warnings()
    overrides = resource_overrides or {}
    with overriding(overrides):
        corpora = dg.load_from_defs_folder(path_within_project=defs_folder or Path(__file__).parent.parent / "defs")
    return dg.Definitions.merge(corpora, dg.Definitions(resources=overrides))
