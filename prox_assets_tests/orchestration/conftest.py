"""The bundled corpus's definitions over a lake of the test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.build import build_defs
from prox_assets.orchestration.components.refined_corpus import corpus_definitions
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets_tests.lakes import lake_at

CORPUS = "town"


def materialization(result: dg.ExecuteInProcessResult, corpus: str, asset: str) -> dg.AssetMaterialization:
    """Return the one materialization of an asset in a run."""
    key = dg.AssetKey([corpus, asset])
    events = [
        event.step_materialization_data.materialization for event in result.all_events if event.is_step_materialization
    ]
    [found] = [event for event in events if event.asset_key == key]
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_at(tmp_path / "lake")


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def sample_definitions(lake: Lake) -> dg.Definitions:
    return build_defs({"lake": LakeResource(url=lake.url)})


class Town:
    """A corpus of the test's own files, its definitions, and how to run its assets."""

    def __init__(self, folder: Path, lake: Lake, instance: dg.DagsterInstance, attributes: dict[str, Any]) -> None:
        self.folder = folder
        self.lake = lake
        self.instance = instance
        urls = {"corpus": CORPUS, "urls": [str(folder / "*")], **attributes}
        self.settings: CorpusSettings = CorpusSettings.model_validate(urls)
        self.definitions = dg.Definitions.merge(
            corpus_definitions(self.settings),
            dg.Definitions(resources={"lake": LakeResource(url=lake.url), "engines": EnginesResource()}),
        )

    def discover(self) -> list[str]:
        return [shard.key for shard in prepare_partitions(self.instance, self.lake, self.settings, "test").shards]

    def run(self, *assets: str, shard: str | None = None, shards: tuple[str, str] | None = None) -> Any:
        """Materialize assets for one shard, or for a range of them in one run, as a backfill does."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        tags = {}
        if shards is not None:
            tags = {"dagster/asset_partition_range_start": shards[0], "dagster/asset_partition_range_end": shards[1]}
        return job.execute_in_process(
            instance=self.instance,
            partition_key=shard,
            tags=tags,
            asset_selection=[self.settings.key(asset) for asset in assets],
            raise_on_error=False,
        )

    def materialized(self, asset: str) -> set[str]:
        return set(self.instance.get_materialized_partitions(self.settings.key(asset)))


@pytest.fixture
def make_town(tmp_path: Path, lake: Lake, instance: dg.DagsterInstance) -> Callable[..., Town]:
    folder = tmp_path / "raw"
    folder.mkdir()
    return lambda **attributes: Town(folder, lake, instance, attributes)
