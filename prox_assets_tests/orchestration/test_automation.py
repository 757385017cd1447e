"""What automation requests, tick by tick, as Dagster's own evaluation of the conditions says."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from prox_assets.lake.schemas import Table
from prox_assets.orchestration.components.refined_corpus import corpus_definitions
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.orchestration.settings.corpus import Automation, CorpusSettings
from prox_assets.orchestration.withdrawal import forget_shard
from prox_assets.stages.withdrawal.shards import withdraw_shard
from prox_assets_tests.orchestration.conftest import Town

STEPS = (
    ("raw_shards",),
    ("doc_programs", "chunk_programs"),
    ("refined_shards", "quality_metrics"),
    ("catalog",),
    ("refinement_report",),
)
SHARD_ASSETS = [asset for step in STEPS[:3] for asset in step]
OF_CORPUS = {"catalog": ["-"], "refinement_report": ["-"]}
PROSE = "\n".join(f"The {n}th boat of the day left the harbour with the tide, and that was that." for n in range(12))
Requested = dict[str, list[str]]


class Automated:
    """A town whose requests are carried out at once, one tick after the other."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.cursor: Any = None
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def configure(self, **attributes: Any) -> None:
        """Load another configuration."""
        given = {"corpus": "town", "urls": [str(self.town.folder / "*")], **attributes}
        self.town.settings = CorpusSettings.model_validate(given)
        resources = {"lake": LakeResource(url=self.town.lake.url), "engines": EnginesResource()}
        self.town.definitions = dg.Definitions.merge(
            corpus_definitions(self.town.settings), dg.Definitions(resources=resources)
        )

    def write(self, name: str, pages: int = 3, more: str = "") -> None:
        rows = [{"text": f"Home | About\n{PROSE}\n{n}{more}", "url": f"https://x.example/{n}"} for n in range(pages)]
        (self.town.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.town.discover()

    def tick(self, minutes: float = 1) -> Requested:
        """Evaluate the conditions once; return what they request."""
        self.now += timedelta(minutes=minutes)
        result = dg.evaluate_automation_conditions(
            defs=self.town.definitions, instance=self.town.instance, cursor=self.cursor, evaluation_time=self.now
        )
        self.cursor = result.cursor
        requested: Requested = {}
        for each in result.results:
            subset = each.true_subset
            if not subset.is_empty:
                keys = sorted(subset.expensively_compute_partition_keys()) if subset.is_partitioned else ["-"]
                requested[each.key.path[-1]] = keys
        return requested

    def until_quiet(self) -> Iterator[Requested]:
        """Carry out what is requested until nothing is; fail if that does not end."""
        for _ in range(8):
            requested = self.tick()
            if not requested:
                return
            yield requested
            for step in STEPS:
                wanted = [asset for asset in step if asset in requested]
                for key in sorted({key for asset in wanted for key in requested[asset]}):
                    self.town.run(*wanted, shard=None if key == "-" else key)
        raise AssertionError("automation does not come to rest")


@pytest.fixture
def automated(make_town: Callable[..., Town]) -> Automated:
    return Automated(make_town())


def of(assets: list[str], *keys: str) -> Requested:
    return {asset: list(keys) for asset in assets}


def test_shards_that_were_there_before_and_new_ones_are_refined_measured_and_reported(automated: Automated) -> None:
    automated.write("a.jsonl")
    automated.write("b.jsonl")
    assert list(automated.until_quiet()) == [of(SHARD_ASSETS, "a.jsonl", "b.jsonl"), OF_CORPUS]
    automated.write("c.jsonl")
    assert list(automated.until_quiet()) == [of(SHARD_ASSETS, "c.jsonl"), OF_CORPUS]


def test_a_moved_threshold_waits_for_eager_and_then_costs_no_inference(automated: Automated) -> None:
    automated.write("a.jsonl")
    list(automated.until_quiet())
    automated.configure(policy={"doc_keep_threshold": 0.9})
    assert list(automated.until_quiet()) == []
    automated.configure(policy={"doc_keep_threshold": 0.9}, automation="eager")
    assert list(automated.until_quiet()) == [of(["refined_shards", "quality_metrics"], "a.jsonl"), OF_CORPUS]


def test_a_replaced_shard_is_done_again_with_eager_only(automated: Automated) -> None:
    automated.write("a.jsonl")
    list(automated.until_quiet())
    automated.write("a.jsonl", 4, "new")
    assert list(automated.until_quiet()) == []
    automated.configure(automation="eager")
    found = list(automated.until_quiet())
    assert [sorted(requested) for requested in found] == [
        ["raw_shards"],
        ["chunk_programs", "doc_programs"],
        ["quality_metrics", "refined_shards"],
        ["catalog", "refinement_report"],
    ]


def test_identical_versions_request_nothing(automated: Automated) -> None:
    automated.configure(automation="eager")
    automated.write("a.jsonl")
    list(automated.until_quiet())
    for step in STEPS[:3]:
        assert automated.town.run(*step, shard="a.jsonl").success
    assert list(automated.until_quiet()) == []


@pytest.mark.parametrize("automation", [Automation.ON_NEW_SHARDS, Automation.EAGER])
def test_a_failed_shard_holds_nothing_back_and_is_tried_again_once_it_has_changed(
    automated: Automated, automation: Automation
) -> None:
    automated.configure(automation=automation)
    automated.write("good.jsonl")
    (automated.town.folder / "bad.jsonl").write_bytes(b"\x00\x01" * 100)
    automated.town.discover()
    first, second = automated.until_quiet()
    assert first == of(SHARD_ASSETS, "bad.jsonl", "good.jsonl")
    assert second == OF_CORPUS
    assert automated.town.materialized("quality_metrics") == {"good.jsonl"}
    assert list(automated.until_quiet()) == []

    automated.write("bad.jsonl")
    list(automated.until_quiet())
    assert automated.town.materialized("quality_metrics") == {"bad.jsonl", "good.jsonl"}


def test_eager_never_makes_anything_of_an_input_that_waits(automated: Automated) -> None:
    """The refiner has changed and waits for more shards: chunks are not inferred from the old decisions meanwhile."""
    automated.configure(automation="eager")
    automated.write("a.jsonl")
    list(automated.until_quiet())
    model = {"model": "/no/such/folder", "prompt_format": "plain"}
    refiners = {"name": "m"} | {level: {"name": f"m-{level}", "level": level, **model} for level in ("doc", "chunk")}
    automated.configure(
        automation="eager", refiners=refiners, policy={"line_keep_threshold": 0.9}, automation_max_wait_minutes=10
    )
    requested = [automated.tick(minutes=2) for _ in range(8)]
    first = next(number for number, found in enumerate(requested) if found)
    assert 4 <= first <= 6
    assert requested[:first] == [{}] * first
    assert {"doc_programs", "chunk_programs"} <= set(requested[first])


@pytest.mark.parametrize(
    ("automation", "with_dagster", "looks_meanwhile"),
    [
        (Automation.ON_NEW_SHARDS, True, True),
        (Automation.ON_NEW_SHARDS, False, False),
        (Automation.EAGER, True, False),
        (Automation.EAGER, False, True),
    ],
)
def test_a_withdrawn_shard_that_comes_back_as_it_was_is_made_again_once(
    automated: Automated, automation: Automation, *, with_dagster: bool, looks_meanwhile: bool
) -> None:
    """Its file keeps its bytes, size and time of change, so that all data versions come out as they were."""
    town, key = automated.town, "a.jsonl"
    automated.configure(automation=automation)
    for name in (key, "b.jsonl"):
        automated.write(name)
    list(automated.until_quiet())
    (town.folder / key).rename(town.folder.parent / key)
    town.discover()
    withdraw_shard(town.lake, "town", key, "test")
    if with_dagster:
        assert forget_shard(town.instance, "town", key)
    if looks_meanwhile:
        town.discover()
        assert list(automated.until_quiet()) == []
    (town.folder.parent / key).rename(town.folder / key)
    for _ in range(2):
        town.discover()
    assert list(automated.until_quiet()) == [of(SHARD_ASSETS, key), OF_CORPUS]
    town.discover()
    assert list(automated.until_quiet()) == []


def test_a_shard_that_comes_back_and_fails_is_not_tried_again(automated: Automated) -> None:
    town, key = automated.town, "a.jsonl"
    for name in (key, "b.jsonl"):
        automated.write(name)
    list(automated.until_quiet())
    (town.folder / key).unlink()
    town.discover()
    withdraw_shard(town.lake, "town", key, "test")
    assert forget_shard(town.instance, "town", key)
    (town.folder / key).write_bytes(b"\x00\x01" * 100)
    town.discover()
    assert list(automated.until_quiet()) == [of(SHARD_ASSETS, key)]
    automated.write(key)
    list(automated.until_quiet())
    assert town.lake.shards("town", Table.SHARD_METRICS) == [key, "b.jsonl"]


def test_what_fails_after_its_input_in_one_run_is_not_tried_again(
    automated: Automated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> tuple[str, ...]:
        return ("documents has no file",)

    monkeypatch.setattr("prox_assets.orchestration.checks.shard_checks.schema_problems", refuse)
    automated.write("a.jsonl")
    assert len(list(automated.until_quiet())) == 1
    assert automated.town.materialized("refined_shards") == {"a.jsonl"}
    assert automated.town.materialized("quality_metrics") == set()
    assert not automated.town.run("quality_metrics", shard="a.jsonl").success


def test_a_broken_shard_does_not_hold_the_first_report_back(automated: Automated) -> None:
    automated.configure(automation="off")
    automated.write("a.jsonl")
    (automated.town.folder / "bad.jsonl").write_bytes(b"\x00\x01" * 100)
    automated.town.discover()
    for step in STEPS[:3]:
        assert automated.town.run(*step, shard="a.jsonl").success
    assert not automated.town.run("raw_shards", shard="bad.jsonl").success
    automated.configure()
    assert automated.tick() == OF_CORPUS


def test_off_defines_nothing_that_acts(automated: Automated) -> None:
    automated.configure(automation=False)  # a bare `off` in YAML
    assert automated.town.settings.automation is Automation.OFF
    sensors = [sensor.name for sensor in automated.town.definitions.sensors or []]
    assert sensors == ["town_shard_arrivals", "town_alerts"]
    automated.write("a.jsonl")
    assert automated.tick() == {}


def test_an_engine_starts_for_enough_shards_or_after_the_longest_wait(automated: Automated) -> None:
    """Only raw shards are really made; that the model's work was done is reported, because no model is there."""
    model = {"name": "m", "level": "doc", "model": "/no/such/folder", "prompt_format": "plain"}
    automated.configure(refiners={"name": "m", "doc": model}, automation_min_shards=3, automation_max_wait_minutes=10)

    def read() -> Requested:
        requested = automated.tick()
        for key in requested.get("raw_shards", []):
            assert automated.town.run("raw_shards", shard=key).success
        return requested

    for name in ("a.jsonl", "b.jsonl"):
        automated.write(name)
        assert list(read()) == ["raw_shards"]
    for _ in range(3):
        assert automated.tick() == {}
    automated.write("c.jsonl")
    requested = read()
    assert sorted(requested) == sorted(SHARD_ASSETS)  # the third is read and inferred with the two that waited
    for asset in SHARD_ASSETS[1:]:
        for key in requested[asset]:
            automated.town.instance.report_runless_asset_event(
                dg.AssetMaterialization(automated.town.settings.key(asset), partition=key)
            )
    assert automated.tick() == OF_CORPUS
    for asset in OF_CORPUS:
        automated.town.instance.report_runless_asset_event(dg.AssetMaterialization(automated.town.settings.key(asset)))

    automated.write("d.jsonl")
    assert list(read()) == ["raw_shards"]
    waited = [automated.tick(minutes=2) for _ in range(8)]
    first = next(number for number, requested in enumerate(waited) if requested)
    assert 3 <= first <= 5
    assert "d.jsonl" in waited[first]["doc_programs"]
