"""Events of runs over one shard and over several: one per asset and shard, with the lake's identity as data version."""

from collections.abc import Callable

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets_tests.orchestration.conftest import CORPUS, Town, materialization
from prox_assets_tests.orchestration.test_assets import failures, lose_first_row, write_pages

STEPS = (("raw_shards",), ("doc_programs", "chunk_programs"), ("refined_shards", "quality_metrics"))
TABLES = {
    "raw_shards": Table.DOCUMENTS,
    "doc_programs": Table.DOC_PROGRAMS,
    "chunk_programs": Table.CHUNK_PROGRAMS,
    "refined_shards": Table.REFINED,
    "quality_metrics": Table.SHARD_METRICS,
}


def three_shards(make_town: Callable[..., Town]) -> tuple[Town, list[str]]:
    town = make_town()
    for name in "abc":
        write_pages(town.folder / f"{name}.json.gz", 3 + ord(name) - ord("a"))
    return town, town.discover()


def events(town: Town, asset: str) -> dict[str, list[dg.AssetMaterialization]]:
    found: dict[str, list[dg.AssetMaterialization]] = {}
    for record in town.instance.fetch_materializations(town.settings.key(asset), limit=1000).records:
        assert record.asset_materialization is not None
        found.setdefault(record.asset_materialization.partition or "", []).append(record.asset_materialization)
    return found


def evaluations(town: Town, check: str) -> dict[str | None, list[bool]]:
    key = dg.AssetCheckKey(town.settings.key("refined_shards"), check)
    found: dict[str | None, list[bool]] = {}
    for record in town.instance.event_log_storage.get_asset_check_execution_history(key, limit=100):
        if record.evaluation is not None:
            found.setdefault(record.evaluation.partition, []).append(record.evaluation.passed)
    return found


def test_a_ranged_run_logs_one_event_per_shard_with_its_identity_and_where_it_came_from(
    make_town: Callable[..., Town],
) -> None:
    town, shards = three_shards(make_town)
    for step in STEPS:
        assert town.run(*step, shards=(shards[0], shards[-1])).success
    upstream = None
    for asset, table in TABLES.items():
        key, found = town.settings.key(asset), events(town, asset)
        assert {shard: len(logged) for shard, logged in found.items()} == dict.fromkeys(shards, 1)
        code_version = town.definitions.resolve_assets_def(key).get_asset_spec(key).code_version
        for shard in shards:
            tags = found[shard][0].tags or {}
            assert tags["dagster/data_version"] == town.lake.require(CORPUS, table, shard).identity
            assert tags["dagster/code_version"] == code_version
            if upstream is not None:
                made_from = tags[f"dagster/input_data_version/{CORPUS}/{upstream}"]
                assert made_from == town.lake.require(CORPUS, TABLES[upstream], shard).identity
        upstream = asset
    assert {shard for shard, logged in evaluations(town, "reconciliation").items() if logged == [True]} == set(shards)
    assert set(evaluations(town, "schema")) == set(shards)


def test_one_shard_gets_the_same_versions_as_one_of_many(make_town: Callable[..., Town]) -> None:
    town, shards = three_shards(make_town)
    result = town.run(*TABLES, shard=shards[1])
    assert result.success
    for asset, table in TABLES.items():
        tags = materialization(result, CORPUS, asset).tags or {}
        assert tags["dagster/data_version"] == town.lake.require(CORPUS, table, shards[1]).identity
    assert evaluations(town, "reconciliation") == {shards[1]: [True]}


def test_a_failing_shard_of_a_range_leaves_the_others_measured(make_town: Callable[..., Town]) -> None:
    town, shards = three_shards(make_town)
    for step in STEPS[:2]:
        assert town.run(*step, shards=(shards[0], shards[-1])).success
    town.lake.storage.remove(town.lake.table_path(CORPUS, Table.CHUNK_PROGRAMS, shards[1]))

    result = town.run(*STEPS[2], shards=(shards[0], shards[-1]))

    assert not result.success
    assert "1 of 3 shards failed" in failures(result)
    assert town.materialized("refined_shards") == town.materialized("quality_metrics") == {shards[0], shards[2]}


def test_a_range_of_assets_that_would_be_skipped_is_refused(make_town: Callable[..., Town]) -> None:
    town, shards = three_shards(make_town)
    result = town.run("raw_shards", "doc_programs", shards=(shards[0], shards[-1]))
    assert not result.success
    assert "town/doc_programs" in failures(result)
    assert "Launch a backfill" in failures(result)


def test_a_retried_step_takes_up_where_it_failed(
    make_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away for the second shard, once: the retry finishes it, and the first is not recorded twice."""
    town, shards = three_shards(make_town)
    write, failed = Lake.write_manifest, []

    def unreliable(self: Lake, corpus: str, shard: str, *rest: object, **named: object) -> None:
        if shard == shards[1] and not failed:
            failed.append(shard)
            raise OSError("the store is away")
        write(self, corpus, shard, *rest, **named)  # pyright: ignore[reportArgumentType]

    for step in STEPS[:2]:
        assert town.run(*step, shards=(shards[0], shards[-1])).success
    monkeypatch.setattr(Lake, "write_manifest", unreliable)
    assert town.run(*STEPS[2], shards=(shards[0], shards[-1])).success
    assert failed
    for asset in STEPS[2]:
        assert {shard: len(logged) for shard, logged in events(town, asset).items()} == dict.fromkeys(shards, 1)


def test_materializing_what_is_current_executes_nothing_and_what_is_damaged_everything(
    make_town: Callable[..., Town], lake: Lake
) -> None:
    chunk_only = {"name": "lines", "chunk": {"name": "lines", "level": "chunk", "kind": "rules"}}
    town = make_town(refiners=chunk_only)
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    assert town.run(*TABLES, shard=shard).success
    execution = lake.execution(CORPUS, shard)

    again = town.run(*STEPS[2], shard=shard)
    assert materialization(again, CORPUS, "refined_shards").metadata["already_current"].value is True
    assert lake.execution(CORPUS, shard) == execution
    assert lake.require(CORPUS, Table.SHARD_METRICS_HISTORY, shard).rows == 1

    lose_first_row(lake, Table.REFINED, shard)
    assert town.run(*STEPS[2], shard=shard).success
    assert lake.execution(CORPUS, shard) != execution


def test_the_check_job_gives_every_shard_a_verdict_and_the_corpus_its_own(make_town: Callable[..., Town]) -> None:
    chunk_only = {"name": "lines", "chunk": {"name": "lines", "level": "chunk", "kind": "rules"}}
    town = make_town(refiners=chunk_only)
    for name in "ab":
        write_pages(town.folder / f"{name}.json.gz")
    shards = town.discover()
    for step in STEPS:
        assert town.run(*step, shards=(shards[0], shards[-1])).success
    lose_first_row(town.lake, Table.REFINED, shards[0])

    job = town.definitions.resolve_job_def("check_town")
    assert job.execute_in_process(instance=town.instance).success

    assert evaluations(town, "reconciliation") == {shards[0]: [False, True], shards[1]: [True, True]}
    up_to_date = dg.AssetCheckKey(town.settings.key("refinement_report"), "up_to_date")
    [latest] = town.instance.event_log_storage.get_asset_check_execution_history(up_to_date, limit=1)
    assert latest.evaluation is not None
    assert not latest.evaluation.passed


def test_runs_of_neighbouring_steps_never_share_a_policy() -> None:
    """Dagster puts neighbours of one policy into one run, and skips the second."""
    settings = CorpusSettings.model_validate(
        {"corpus": "town", "urls": ["x"], "shards_per_run": 5, "cpu_shards_per_run": 5}
    )
    assert settings.cpu_policy != settings.inference_policy
