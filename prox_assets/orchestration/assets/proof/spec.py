"""What the specs of a proof's assets share."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from prox_assets import __version__
from prox_assets.lake.identity import fingerprint
from prox_assets.orchestration.settings.proof import ProofAssetsSettings


def proof_spec(
    settings: ProofAssetsSettings,
    name: str,
    description: str,
    deps: Sequence[dg.AssetKey | dg.AssetDep],
    configuration: Mapping[str, Any],
    kinds: set[str],
    partitions: dg.PartitionsDefinition | None = None,
) -> dg.AssetSpec:
    """Return the spec of one of a proof's assets; its code version is a fingerprint of the settings that it reads."""
    return dg.AssetSpec(
        key=settings.key(name),
        deps=deps,
        group_name=settings.asset_group,
        owners=settings.owners,
        tags=settings.asset_tags,
        kinds=kinds,
        code_version=f"{__version__}-{fingerprint(dict(configuration))}",
        partitions_def=partitions,
        description=description,
    )
