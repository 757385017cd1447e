"""The asset `overview`: what it waits for, reads and shows."""

from pathlib import Path

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.assets.lake_overview import build_overview_schedule
from prox_assets.orchestration.components.lake_overview import overview_definitions
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.overview import OverviewSettings
from prox_assets_tests.orchestration.conftest import materialization
from prox_assets_tests.overview.lakes import two_corpora

KEY = dg.AssetKey(["lake", "overview"])


def test_it_comes_after_the_reports_of_the_projects_corpora(sample_definitions: dg.Definitions) -> None:
    node = sample_definitions.resolve_asset_graph().get(KEY)
    assert node.parent_keys == {dg.AssetKey(["sample", "refinement_report"])}
    assert not node.is_partitioned
    assert "refresh_lake_overview" in [schedule.name for schedule in sample_definitions.schedules or ()]


def test_it_shows_corpora_that_no_asset_is_about(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake = two_corpora(tmp_path)
    settings = OverviewSettings(browser_url="http://localhost:3001", schedule=None)
    assert build_overview_schedule(settings) is None
    resources = dg.Definitions(resources={"lake": LakeResource(url=lake.url)})
    made = dg.Definitions.merge(overview_definitions(settings, []), resources)
    result = made.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    shown = materialization(result, "lake", "overview").metadata
    assert shown["corpora"].value == 2
    assert shown["corpora_with_errors"].value == 0
    records = shown["table"].records  # type: ignore[attr-defined]
    assert [(row.data["corpus"], row.data["done"]) for row in records] == [("web", 2), ("wiki", 1)]  # type: ignore[union-attr]
    page = (lake.storage.read_bytes("_overview/index.html") or b"").decode()
    assert 'href="http://localhost:3001/corpora/web/report"' in page


def test_the_schedule_skips_an_empty_lake(lake: Lake) -> None:
    schedule = build_overview_schedule(OverviewSettings())
    assert schedule is not None
    with dg.build_schedule_context(resources={"lake": LakeResource(url=lake.url)}) as context:
        assert isinstance(schedule(context), dg.SkipReason)
