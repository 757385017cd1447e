"""A published data set in Dagster: what its asset shows, and that its checks block."""

from pathlib import Path

import dagster as dg
import pytest

from prox_assets import PublishedDataset
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.components.published_dataset import dataset_definitions
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.publishing import PublishedDatasetSettings
from prox_assets_tests.orchestration.conftest import materialization
from prox_assets_tests.publishing.published import KEPT, published

ATTRIBUTES = {"name": "pages", "corpora": ["web"], "sources": [{"name": "A crawl", "licence": "odc-by"}]}


def run(lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    settings = PublishedDatasetSettings.model_validate(ATTRIBUTES)
    resources = {"lake": LakeResource(url=lake.url)}
    definitions = dg.Definitions.merge(dataset_definitions(settings), dg.Definitions(resources=resources))
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_shows_counts_and_card_and_checks_them(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake, made = published(tmp_path)
    result = run(lake, instance)
    assert result.success
    shown = materialization(result, "pages", "dataset").metadata
    assert shown["dagster/row_count"].value == KEPT
    assert str(shown["card"].value).lstrip().startswith("# pages")
    passed = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert len(passed) == 5
    assert all(passed.values())

    made.storage.write_bytes("README.md", b"other words")
    spoilt = run(lake, instance)
    failed = [each.check_name for each in spoilt.get_asset_check_evaluations() if not each.passed]
    assert failed == ["hashes_right"]
    assert all(each.blocking for each in spoilt.get_asset_check_evaluations())


def test_depends_on_the_corpora_and_is_told_of_mistakes() -> None:
    component = PublishedDataset.from_attributes_dict(attributes=ATTRIBUTES)
    asset = next(iter(dataset_definitions(component.settings).assets or ()))
    assert isinstance(asset, dg.AssetsDefinition)
    [spec] = asset.specs
    assert spec.key == dg.AssetKey(["pages", "dataset"])
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["web", "refined_shards"])]
    unlicensed = {**ATTRIBUTES, "sources": [{"name": "A crawl", "licence": "none"}]}
    with pytest.raises(ValueError, match="names no licence"):
        PublishedDatasetSettings.model_validate(unlicensed)
