"""The code location that workspace.yaml names."""

import dagster as dg

from prox_assets.orchestration.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    """Return every corpus under `prox_assets/defs`."""
    return build_defs()
