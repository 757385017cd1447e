"""The report as an asset: written once for all shards, refreshed by a schedule, linked from every materialization."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from prox_assets.monitoring.report.write import report_place
from prox_assets.orchestration.resources import LakeResource
from prox_assets_tests.orchestration.conftest import CORPUS, Town, materialization
from prox_assets_tests.orchestration.test_assets import ALL, failures, write_pages

REPORT = "refinement_report"
# At both levels, the rules drop what these tests write: it says the same over and over.
CHUNK_ONLY = {"name": "lines", "chunk": {"name": "lines", "level": "chunk", "kind": "rules"}}


def schedule_of(town: Town) -> dg.ScheduleDefinition:
    [schedule] = list(town.definitions.schedules or [])
    assert isinstance(schedule, dg.ScheduleDefinition)
    return schedule


def tick(town: Town) -> Any:
    context = dg.build_schedule_context(instance=town.instance, resources={"lake": LakeResource(url=town.lake.url)})
    return schedule_of(town).evaluate_tick(context)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    return {
        name: value.records if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in materialization(result, CORPUS, asset).metadata.items()
    }


def test_one_page_tells_of_all_shards_and_every_materialization_links_to_it(make_town: Callable[..., Town]) -> None:
    town = make_town(refiners=CHUNK_ONLY)
    for name in ("a", "b"):
        write_pages(town.folder / f"{name}.json.gz")
    runs = [town.run(*ALL, shard=shard) for shard in town.discover()]
    assert all(run.success for run in runs)

    written = town.run(REPORT)

    assert written.success
    page = Path(report_place(town.lake, CORPUS))
    text = page.read_text()
    assert ">a<" in text
    assert ">b<" in text
    shown = metadata(written, REPORT)
    assert (shown["shards"], shown["documents_in"], shown["drift_findings"]) == (2, 10, 0)
    assert (shown["documents_out"], shown["drop_rate"]) == (10, 0.0)
    assert shown["report"] == shown["dagster/uri"] == str(page)
    assert (shown["shards_missing"], shown["shards_outdated"], "left_out" in shown) == (0, 0, False)
    for asset in ALL:
        linked = metadata(runs[1], asset)
        assert linked["report"] == str(page)
        assert linked["dagster/column_schema"].columns
        assert linked["dagster/partition_row_count"] >= 1


def test_the_numbers_of_quality_metrics_are_few_enough_to_be_plots(make_town: Callable[..., Town]) -> None:
    town = make_town(refiners=CHUNK_ONLY)
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    shown = metadata(town.run(*ALL, shard=shard), "quality_metrics")

    numbers = {name: value for name, value in shown.items() if isinstance(value, int | float)}
    mine = {name: value for name, value in numbers.items() if not name.startswith("dagster/")}
    assert 6 <= len(mine) <= 9
    assert (mine["documents_in"], mine["drop_rate"], mine["failed_programs"]) == (5, 0.0, 0.0)
    assert 0 < mine["retention"] < 1
    assert not {"signals", "operations"} & set(shown)


def test_the_schedule_refreshes_the_report_and_skips_a_corpus_without_measured_shards(
    make_town: Callable[..., Town],
) -> None:
    town = make_town(report_schedule="30 3 * * 1")
    assert schedule_of(town).name == "refresh_town_report"
    assert schedule_of(town).cron_schedule == "30 3 * * 1"
    assert "measured yet" in (tick(town).skip_message or "")

    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    assert town.run(*ALL, shard=shard).success

    [request] = tick(town).run_requests
    assert request.partition_key is None
    job = town.definitions.resolve_job_def(schedule_of(town).job_name)
    assert job.asset_layer.selected_asset_keys == {town.settings.key(name) for name in (REPORT, "catalog")}


def test_a_corpus_can_do_without_the_schedule_and_set_its_freshness(make_town: Callable[..., Town]) -> None:
    town = make_town(report_schedule=None, report_freshness_hours=200)
    assert list(town.definitions.schedules or []) == []
    spec = town.definitions.resolve_assets_def(town.settings.key(REPORT)).get_asset_spec()
    assert isinstance(spec.freshness_policy, dg.FreshnessPolicy)
    assert "days=8, seconds=28800" in str(spec.freshness_policy)


def test_a_schedule_that_is_no_cron_expression_is_refused_with_its_name(make_town: Callable[..., Town]) -> None:
    with pytest.raises(ValidationError, match=r"report_schedule[\s\S]*cron"):
        make_town(report_schedule="every day")


def test_a_report_on_nothing_fails_once_and_says_what_to_do(make_town: Callable[..., Town]) -> None:
    result = make_town().run(REPORT)
    assert not result.success
    assert "materialize quality_metrics" in failures(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_shard_that_failed_is_named_by_the_report_and_the_catalog(make_town: Callable[..., Town]) -> None:
    town = make_town(refiners=CHUNK_ONLY)
    write_pages(town.folder / "a.json.gz")
    (town.folder / "broken.json.gz").write_bytes(b"no gzip")
    good, broken = town.discover()
    assert town.run(*ALL, shard=good).success

    for asset in (REPORT, "catalog"):
        shown = metadata(town.run(asset), asset)
        assert (shown["shards_missing"], shown["missing"]) == (1, {broken: "raw_shards"})
        assert shown["left_out"].startswith(f"1 of 2 shards is not measured: {broken} (raw_shards failed")
