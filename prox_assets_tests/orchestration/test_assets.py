"""Assets, checks and discovery, run in this process on an ephemeral instance with real files and a real lake."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.orchestration.resources import LakeResource
from prox_assets_tests.orchestration.conftest import CORPUS, Town, materialization

ALL = ("raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics")
PROSE = "\n".join(f"The {n}th boat of the day left the harbour with the tide, and that was that." for n in range(12))


def write_pages(path: Path, count: int = 5) -> None:
    with gzip.open(path, "wt") as file:
        for number in range(count):
            file.write(
                json.dumps({"text": f"Home | About\n{PROSE}\n{number}", "url": f"https://x.example/{number}"}) + "\n"
            )


def failures(result: dg.ExecuteInProcessResult) -> str:
    return " ".join(
        str(event.step_failure_data.user_failure_data or event.step_failure_data.error)
        for event in result.all_events
        if event.is_step_failure
    )


def lose_first_row(lake: Lake, table: Table, shard: str) -> None:
    info = lake.require(CORPUS, table, shard)
    rows = list(lake.rows(CORPUS, table, shard))
    stamp = FileStamp(info.fingerprint, info.identity, info.run_id, info.code_version, rows[0]["execution_id"])
    with lake.write(CORPUS, shard, [table], stamp) as [writer]:
        for row in rows[1:]:
            writer.write(row)


def tick(town: Town) -> Any:
    """Evaluate the corpus's sensor once, as the daemon does."""
    [sensor] = [each for each in town.definitions.sensors or [] if each.name == "town_shard_arrivals"]
    assert isinstance(sensor, dg.SensorDefinition)
    resources = {"lake": LakeResource(url=town.lake.url)}
    return sensor.evaluate_tick(dg.build_sensor_context(instance=town.instance, resources=resources))


def requested(town: Town) -> list[str]:
    return [key for request in tick(town).dynamic_partitions_requests or [] for key in request.partition_keys]


def test_the_bundled_corpus_goes_from_raw_shards_to_metrics(
    sample_definitions: dg.Definitions, instance: dg.DagsterInstance, lake: Lake
) -> None:
    discovery = sample_definitions.resolve_job_def("discover_sample_shards").execute_in_process(instance=instance)
    assert discovery.success
    shards = instance.get_dynamic_partitions("sample_shards")
    assert len(shards) == 3
    job = sample_definitions.resolve_implicit_global_asset_job_def()
    keys = sample_definitions.resolve_asset_graph().materializable_asset_keys
    corpus = [key for key in keys if key.path[0] == "sample"]

    result = job.execute_in_process(instance=instance, partition_key=shards[0], asset_selection=corpus)

    assert result.success
    evaluations = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert evaluations["reconciliation"].passed
    assert evaluations["schema"].passed
    [metrics] = lake.rows("sample", Table.SHARD_METRICS, shards[0])
    measured = materialization(result, "sample", "quality_metrics")
    assert measured.metadata["documents_in"].value == metrics["documents_in"] > 40
    assert measured.partition == shards[0]
    excerpts = materialization(result, "sample", "refined_shards").metadata["excerpts"].value
    assert isinstance(excerpts, str)
    assert excerpts.count("```diff") == 3


def test_in_a_ranged_run_a_failing_shard_is_named_and_the_others_are_recorded(make_town: Callable[..., Town]) -> None:
    town = make_town()
    for name in ("a", "b", "c"):
        write_pages(town.folder / f"{name}.json.gz")
    shards = town.discover()
    for shard in shards[:1] + shards[2:]:
        assert town.run("raw_shards", shard=shard).success

    result = town.run("doc_programs", shards=(shards[0], shards[-1]))

    assert not result.success
    assert "1 of 3 shards failed" in failures(result)
    assert "b: " in failures(result)
    assert "materialize raw_shards" in failures(result)
    assert town.materialized("doc_programs") == {shards[0], shards[2]}


def test_a_ranged_run_gives_each_shard_its_own_numbers(make_town: Callable[..., Town]) -> None:
    town = make_town()
    write_pages(town.folder / "a.json.gz", 3)
    write_pages(town.folder / "b.json.gz", 7)
    shards = town.discover()
    for shard in shards:
        town.run("raw_shards", shard=shard)

    assert town.run("doc_programs", "chunk_programs", shards=(shards[0], shards[-1])).success

    for shard, documents in zip(shards, (3, 7), strict=True):
        records = dg.AssetRecordsFilter(town.settings.key("doc_programs"), asset_partitions=[shard])
        event = town.instance.fetch_materializations(records, limit=1).records[0]
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["documents"].value == documents


def test_an_unreadable_file_fails_its_partition_without_retry_and_leaves_nothing(
    make_town: Callable[..., Town],
) -> None:
    town = make_town(format="c4")
    write_pages(town.folder / "cut.json.gz", 400)
    whole = (town.folder / "cut.json.gz").read_bytes()
    (town.folder / "cut.json.gz").write_bytes(whole[: len(whole) // 2])
    [shard] = town.discover()

    result = town.run("raw_shards", shard=shard)

    assert not result.success
    assert "cut.json.gz" in failures(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert town.lake.shards(CORPUS, Table.DOCUMENTS) == []
    assert town.lake.shards(CORPUS, Table.REJECTS) == []


def test_a_lake_that_does_not_add_up_fails_the_blocking_check_and_stops_the_metrics(
    make_town: Callable[..., Town],
) -> None:
    chunk_only = {"name": "lines", "chunk": {"name": "lines", "level": "chunk", "kind": "rules"}}
    town = make_town(refiners=chunk_only)
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    assert town.run("raw_shards", "doc_programs", "chunk_programs", "refined_shards", shard=shard).success
    lose_first_row(town.lake, Table.REFINED, shard)
    refined, metrics = town.settings.key("refined_shards"), town.settings.key("quality_metrics")
    selection = dg.AssetSelection.checks_for_assets(refined) | dg.AssetSelection.assets(metrics)
    job = dg.define_asset_job("check_and_measure", selection=selection)
    definitions = dg.Definitions.merge(town.definitions, dg.Definitions(jobs=[job]))

    checks = definitions.resolve_job_def("check_and_measure").execute_in_process(
        instance=town.instance, partition_key=shard, raise_on_error=False
    )

    assert not checks.success
    evaluations = {check.check_name: check for check in checks.get_asset_check_evaluations()}
    assert not evaluations["reconciliation"].passed
    assert "kept documents are missing in refined" in (evaluations["reconciliation"].description or "")
    assert town.materialized("quality_metrics") == set()


def test_the_sensor_adds_new_shards_and_says_so_when_there_are_none(make_town: Callable[..., Town]) -> None:
    town = make_town()
    write_pages(town.folder / "a.json.gz")
    assert requested(town) == ["a"]
    town.instance.add_dynamic_partitions("town_shards", ["a"])
    assert requested(town) == []
    write_pages(town.folder / "b.json.gz")
    assert requested(town) == ["b"]


def test_a_failed_listing_is_never_taken_for_an_empty_one(make_town: Callable[..., Town]) -> None:
    town = make_town()
    write_pages(town.folder / "a.json.gz")
    town.discover()
    (town.folder / "a.json.gz").unlink()
    answer = tick(town)

    assert "could not be listed" in (answer.skip_message or "")
    assert town.instance.get_dynamic_partitions("town_shards") == ["a"]


def test_materializing_again_infers_nothing_unless_forced(make_town: Callable[..., Town]) -> None:
    town = make_town()
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    town.run("raw_shards", "doc_programs", shard=shard)

    again = town.run("doc_programs", shard=shard)

    assert materialization(again, CORPUS, "doc_programs").metadata["already_current"].value is True
    forced = town.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=town.instance,
        partition_key=shard,
        asset_selection=[town.settings.key("doc_programs")],
        run_config={"ops": {"town__programs": {"config": {"force": True}}}},
    )
    assert materialization(forced, CORPUS, "doc_programs").metadata["documents_inferred"].value == 5


@pytest.mark.parametrize("asset", ["doc_programs", "chunk_programs"])
def test_a_model_that_is_not_there_fails_at_once_with_the_remedy(make_town: Callable[..., Town], asset: str) -> None:
    level = asset.split("_")[0]
    refiner = {"name": "gone", "level": level, "model": "/no/such/folder", "prompt_format": "plain"}
    town = make_town(refiners={"name": "gone", level: refiner})
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    assert town.run("raw_shards", shard=shard).success
    if asset == "chunk_programs":
        assert town.run("doc_programs", shard=shard).success

    result = town.run(asset, shard=shard)

    assert "/no/such/folder" in failures(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
