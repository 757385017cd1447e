"""Observable asset `source_files`: the raw files of each shard, which we read but do not make.

Discovery observes a shard when it is new, or when its file has changed; the observation's data version is the source
version. So Dagster sees that a file was replaced: `raw_shards` becomes stale, and automation may read it again.
"""

from collections.abc import Iterable

import dagster as dg

from prox_assets.corpora.shards import Shard
from prox_assets.lake.identity import source_version
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.versions import DATA_VERSION_TAG, observed_versions
from prox_assets.stages.discovery import discover_shards

ASSET = "source_files"
DESCRIPTION = "The raw files as last listed, one partition per shard; observed when a file is new or has changed."


def build_source_files(settings: CorpusSettings) -> dg.SourceAsset:
    """Build the observable asset; observing it in the UI lists the source and looks at every shard."""

    @dg.observable_source_asset(
        key=settings.key(ASSET),
        partitions_def=settings.partitions,
        group_name=settings.asset_group,
        tags=settings.asset_tags,
        metadata={"urls": list(settings.urls)},
        description=DESCRIPTION,
    )
    def source_files(context: dg.OpExecutionContext, lake: LakeResource) -> dg.DataVersionsByPartition:
        with no_retry_when_useless():
            found = discover_shards(lake.open(), settings.plan, run_id=context.run_id)
        context.instance.add_dynamic_partitions(settings.partitions.name or "", [shard.key for shard in found.shards])
        return dg.DataVersionsByPartition({shard.key: source_version(*shard.version) for shard in found.shards})

    return source_files


def observations(
    instance: dg.DagsterInstance, settings: CorpusSettings, shards: Iterable[Shard]
) -> list[dg.AssetObservation]:
    """Return an observation for each shard whose version differs from the one that was last observed."""
    known = observed_versions(instance, settings.key(ASSET))
    versions = {shard.key: source_version(*shard.version) for shard in shards}
    return [
        dg.AssetObservation(settings.key(ASSET), partition=key, tags={DATA_VERSION_TAG: version})
        for key, version in versions.items()
        if known.get(key) != version
    ]
