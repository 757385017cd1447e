"""What Dagster shows of a shard that has left the source, and how its partition goes."""

import json
from collections.abc import Callable

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.assets.shards.source_files import build_source_files
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.source_sensor import build_discovery_sensor
from prox_assets.orchestration.withdrawal import WorkUnderWayError, forget_shard, require_idle
from prox_assets.stages.reading.discovery import discover_shards, known_shard
from prox_assets_tests.orchestration.conftest import CORPUS, Town

PAGES = {"a.jsonl": "Menu\nA page that is kept as it is.", "b.jsonl": "Another page, of another shard."}


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    town = make_town()
    for name, text in PAGES.items():
        (town.folder / name).write_text(json.dumps({"text": text}) + "\n")
    assert town.discover() == list(PAGES)
    assert town.run("raw_shards", shard="a.jsonl").success
    return town


def observations(town: Town) -> list[tuple[str | None, str | None]]:
    key = town.settings.key("raw_shards")
    events = town.instance.fetch_observations(key, limit=10).records
    found = [event.asset_observation for event in events]
    return [(event.partition, event.description) for event in found if event is not None]


def resources(town: Town) -> dict[str, LakeResource]:
    return {"lake": LakeResource(url=town.lake.url)}


@pytest.mark.parametrize("first", ["another caller", "nobody"])
@pytest.mark.parametrize("through", ["sensor", "job", "op"])
def test_a_vanished_shard_is_observed_once_and_nothing_becomes_stale(town: Town, through: str, first: str) -> None:
    (town.folder / "a.jsonl").unlink()
    if first == "another caller":  # such as `prox refine`, which lists the source without Dagster
        assert discover_shards(town.lake, town.settings.plan, "cli").gone.keys() == {"a.jsonl"}
    for turn in range(2):
        if through == "job":
            town.discover()
            continue
        if through == "op":
            source = build_source_files(town.settings)
            job = dg.define_asset_job("observe", [source.key])
            definitions = dg.Definitions(assets=[source], jobs=[job], resources=resources(town))
            assert definitions.resolve_job_def("observe").execute_in_process(instance=town.instance).success
            continue
        context = dg.build_sensor_context(town.instance)
        result = build_discovery_sensor(town.settings)(context, lake=LakeResource(url=town.lake.url))
        found = result.asset_events if isinstance(result, dg.SensorResult) else []
        key = town.settings.key("raw_shards")
        events = [event for event in found if isinstance(event, dg.AssetObservation) and event.asset_key == key]
        assert len(events) == 1 - turn
        for event in events:
            town.instance.report_runless_asset_event(event)
    [(partition, description)] = observations(town)
    assert partition == "a.jsonl"
    assert description is not None
    assert "has left the source" in description
    assert town.materialized("raw_shards") == {"a.jsonl"}
    versions = town.instance.fetch_observations(town.settings.key("raw_shards"), limit=1).records[0].asset_observation
    assert versions is not None
    assert "dagster/data_version" not in versions.tags
    assert known_shard(town.lake, CORPUS, "a.jsonl").gone_since is not None


def test_a_shard_that_is_back_and_gone_again_is_observed_again(town: Town) -> None:
    file, away = town.folder / "a.jsonl", town.folder.parent / "a.jsonl"
    for _ in range(2):
        file.rename(away)
        town.discover()
        away.rename(file)
        town.discover()
    assert [partition for partition, _ in observations(town)] == ["a.jsonl", "a.jsonl"]


def test_a_withdrawn_shard_loses_its_partition(town: Town) -> None:
    require_idle(town.instance, CORPUS)
    assert forget_shard(town.instance, CORPUS, "a.jsonl")
    assert town.instance.get_dynamic_partitions(town.settings.partitions.name or "") == ["b.jsonl"]
    assert not forget_shard(town.instance, CORPUS, "a.jsonl")
    [(partition, description)] = observations(town)
    assert (partition, description) == (
        "a.jsonl",
        "The shard was withdrawn from the lake, with all that had been made of it.",
    )


def test_a_lake_that_is_not_there_withdraws_nothing(town: Town) -> None:
    """An empty lake, as where a disk is not mounted, is no reason to refine a whole corpus again."""
    town.lake = Lake(f"{town.lake.url}-elsewhere")
    assert town.discover() == list(PAGES)
    assert observations(town) == []


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_no_partition_is_deleted_under_work_on_its_corpus(town: Town, status: dg.DagsterRunStatus) -> None:
    job = town.definitions.resolve_implicit_global_asset_job_def()
    key = town.settings.key("raw_shards")
    run = town.instance.create_run_for_job(job.get_subset(asset_selection={key}), status=status, asset_selection={key})
    with pytest.raises(WorkUnderWayError, match=run.run_id):
        require_idle(town.instance, CORPUS)
    require_idle(town.instance, "another_corpus")
    town.instance.delete_run(run.run_id)
    require_idle(town.instance, CORPUS)


def test_a_discovery_under_way_counts_and_finished_runs_do_not(town: Town, lake: Lake) -> None:
    job = town.definitions.resolve_job_def(f"discover_{CORPUS}_shards")
    assert job.execute_in_process(instance=town.instance).success
    require_idle(town.instance, CORPUS)
    town.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"prox/corpus": CORPUS})
    require_idle(town.instance, "another_corpus")
    with pytest.raises(WorkUnderWayError):
        require_idle(town.instance, CORPUS)
