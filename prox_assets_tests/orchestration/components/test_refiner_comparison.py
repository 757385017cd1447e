"""The asset `comparison`: what it waits for, when it is made, and what it shows."""

from pathlib import Path

import dagster as dg
import pytest

from prox_assets import RefinerComparison
from prox_assets.comparison.compare import compare
from prox_assets.comparison.settings import ComparisonSettings
from prox_assets.comparison.write import write_comparison
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import compared_corpora
from prox_assets.orchestration.components.refiner_comparison import comparison_definitions
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.comparison import RefinerComparisonSettings
from prox_assets_tests.catalog.refined_lakes import refine_pages
from prox_assets_tests.comparison.lakes import CORPORA, ONE, pages, three_refiners
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.orchestration.conftest import materialization

ATTRIBUTES = {"name": "web", "corpora": [*CORPORA], "browser_url": "http://localhost:3001"}


def run(lake: Lake, instance: dg.DagsterInstance, **attributes: object) -> dg.ExecuteInProcessResult:
    settings = RefinerComparisonSettings.model_validate({**ATTRIBUTES, **attributes})
    resources = dg.Definitions(resources={"lake": LakeResource(url=lake.url)})
    made = dg.Definitions.merge(comparison_definitions(settings), resources)
    job = made.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_depends_on_the_refined_shards_of_its_corpora() -> None:
    component = RefinerComparison.from_attributes_dict(attributes=ATTRIBUTES)
    definitions = comparison_definitions(component.settings)
    [asset] = list(definitions.assets or ())
    assert isinstance(asset, dg.AssetsDefinition)
    [spec] = asset.specs
    assert spec.key == dg.AssetKey(["web", "comparison"])
    assert {dep.asset_key for dep in spec.deps} == {dg.AssetKey([corpus, "refined_shards"]) for corpus in CORPORA}
    assert spec.automation_condition is not None
    assert [sensor.name for sensor in definitions.sensors or ()] == ["web_comparison_automation"]
    off = RefinerComparison.from_attributes_dict(attributes={**ATTRIBUTES, "automation": False}).settings
    assert not comparison_definitions(off).sensors
    with pytest.raises(ValueError, match="named twice"):
        RefinerComparisonSettings.model_validate({**ATTRIBUTES, "corpora": ["web", "web"]})


def test_shows_numbers_a_link_and_a_preview(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake = three_refiners(tmp_path)
    result = run(lake, instance)
    assert result.success
    event = materialization(result, "web", "comparison")
    shown = event.metadata
    assert (shown["refiners"].value, shown["documents"].value, shown["shards_left_out"].value) == (3, 5, 0)
    assert shown["words_kept/web_one"].value == pytest.approx(16 / 23, abs=1e-4)
    assert len(str(shown["words_kept/web_one"].value)) <= len("0.1234")
    assert shown["page"].value == "http://localhost:3001/comparisons/web"
    assert "| one | two | 75% | 0.00 | 85.7% | 0.70 |" in str(shown["preview"].value)
    page = (lake.storage.read_bytes("_comparisons/web/index.html") or b"").decode()
    assert 'href="http://localhost:3001/compare/web_one,web_two,web_three/documents/' in page
    again = materialization(run(lake, instance), "web", "comparison")
    assert again.tags["dagster/data_version"] == event.tags["dagster/data_version"]  # type: ignore[index]


def test_takes_the_place_of_its_own_comparison_of_other_corpora_and_of_no_other(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    lake = three_refiners(tmp_path)
    settings = ComparisonSettings(name="web", corpora=CORPORA)
    write_comparison(lake, compare(lake, settings))
    refused = run(lake, instance, corpora=[*CORPORA[:2]])
    [failure] = [event for event in refused.all_events if event.is_step_failure]
    assert "compares other corpora (web_one, web_two, web_three)" in str(failure.step_failure_data.user_failure_data)
    assert compared_corpora(lake, "web") == [*CORPORA]
    assert run(lake, instance).success
    assert run(lake, instance, corpora=[*CORPORA[:2]]).success
    assert compared_corpora(lake, "web") == [*CORPORA[:2]]


def test_corpora_of_other_files_fail_without_retries(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", pages(ONE), corpus="web_one")
    refine_pages(lake, tmp_path / "raw", pages(ONE, [f"{n} other" for n in range(5)]), corpus="web_two")
    result = run(lake, instance, corpora=["web_one", "web_two"])
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "different raw files" in str(failure.step_failure_data.user_failure_data)
