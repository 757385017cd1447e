"""Asset `dataset`: a published folder, and the checks that it must pass before anybody releases it."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from prox_assets import __version__
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import export_of
from prox_assets.orchestration.assets.shards.partition_step import Result
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.publishing import PublishedDatasetSettings
from prox_assets.publishing.publish import Published, publish
from prox_assets.publishing.release import DESCRIPTIONS, ReleaseCheck, release_checks

DESCRIPTION = """A folder that a hub takes as it is: Parquet by configuration and split, card, Croissant, provenance.

Its blocking checks are what a release needs. `prox publish NAME --upload owner/name --yes` uploads it."""


def build_dataset(settings: PublishedDatasetSettings) -> dg.AssetsDefinition:
    """Build the asset, which depends on the refined shards of all its corpora."""
    published = settings.published
    spec = dg.AssetSpec(
        key=settings.key,
        deps=[dg.AssetKey([corpus, "refined_shards"]) for corpus in settings.corpora],
        group_name=settings.group or settings.name,
        owners=settings.owners,
        tags={"dataset": settings.name, **settings.asset_tags},
        kinds={"parquet", "huggingface"},
        code_version=f"{__version__}-{fingerprint(published.model_dump(mode='json'))}",
        description=DESCRIPTION,
    )
    checks = [
        dg.AssetCheckSpec(name, asset=spec.key, description=text, blocking=True) for name, text in DESCRIPTIONS.items()
    ]

    @dg.multi_asset(
        name=f"{settings.name}__dataset",
        specs=[spec],
        check_specs=checks,
        retry_policy=RETRY_POLICY,
        pool=settings.pool,
    )
    def dataset(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Result]:
        die_with_run_worker()
        opened = lake.open()
        with no_retry_when_useless():
            made = publish(opened, published, context.log.info)
            found = _checks(opened, settings.name)
        yield dg.MaterializeResult(
            asset_key=spec.key, data_version=dg.DataVersion(made.manifest.identity), metadata=_shown(made)
        )
        yield from (_result(spec.key, check) for check in found)

    return dataset


def _checks(lake: Lake, name: str) -> list[ReleaseCheck]:
    export = export_of(lake, "dataset", name)
    return [] if export is None else release_checks(lake, export)


def _result(key: dg.AssetKey, check: ReleaseCheck) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=check.name,
        passed=check.passed,
        description="; ".join(check.problems) or DESCRIPTIONS[check.name],
        metadata=dict(check.numbers),
    )


def _shown(made: Published) -> dict[str, Any]:
    found = made.manifest
    card = (made.storage.read_bytes("README.md") or b"").decode().split("\n---\n", 1)[-1]
    return {
        "dagster/row_count": found.rows,
        "documents_in": sum(config.documents for config in found.configs),
        "dropped": sum(config.dropped for config in found.configs),
        "quarantined": sum(config.outcomes()["quarantined"] for config in found.configs),
        "withdrawn": sum(config.withheld + config.removed for config in found.configs),
        "files": len(found.files),
        "bytes": sum(file.bytes for file in found.files),
        "folder": link(made.storage.url),
        "card": dg.MetadataValue.md(card),
    }
