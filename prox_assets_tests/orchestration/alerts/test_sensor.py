"""The sensor on real runs and verdicts: what is an incident, when it begins and when it is over."""

from collections.abc import Callable

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.alerts import sensor as sensor_module
from prox_assets.orchestration.alerts.sensor import build_alert_sensor
from prox_assets.orchestration.resources import LakeResource
from prox_assets.testing.servers.webhook_server import WebhookServer
from prox_assets_tests.orchestration.alerts.world import (
    CATALOG,
    CORPUS,
    KEY,
    REPORT,
    RUN_OF_B,
    RUN_OF_REPORT,
    SCHEMA_OF_B,
    SHARDS,
    World,
    told,
)
from prox_assets_tests.orchestration.conftest import Town


def test_a_failed_check_of_one_shard_is_told_once_and_again_when_it_passes(world: World, webhook: WebhookServer):
    world.failing["b"] = dg.AssetCheckSeverity.ERROR
    for shard in SHARDS:
        run = world.run(KEY, shard=shard)
        failed_run = run if shard == "b" else None
        assert "sent" in world.tick() if failed_run else "nothing new" in world.tick()
    [message] = webhook.messages
    assert told(message) == ([SCHEMA_OF_B], []), "the run that the blocking check failed is no second incident"
    assert message["opened"][0]["message"] == "columns differ"
    assert (message["version"], message["corpus"], message["open"]) == (1, CORPUS, 1)

    world.run(KEY, shard="b")
    assert world.tick() == "nothing new; 1 open", "it still fails"
    world.failing.clear()
    world.run(KEY, shard="a")
    world.tick()
    world.run(KEY, shard="b")
    assert world.tick() == "0 began, 1 ended; 0 open; sent"
    assert told(webhook.messages[1]) == ([], [(*SCHEMA_OF_B, "passed")])
    assert world.tick() == "nothing new; 0 open"
    assert len(webhook.messages) == 2


def test_a_failed_run_is_told_by_its_asset_and_shard_and_over_when_that_is_written(
    world: World, webhook: WebhookServer
):
    world.broken.add("b")
    world.run(KEY, shard="b")
    world.run(KEY, shard="a")
    world.tick()
    [opened] = webhook.messages[0]["opened"]
    assert told(webhook.messages[0]) == ([RUN_OF_B], [])
    assert opened["message"] == "b: cannot be read <!channel>"
    world.run(KEY, shard="b")
    assert world.tick() == "nothing new; 1 open", "a second failure is the same incident"
    world.broken.clear()
    world.run(KEY, shard="b")
    world.tick()
    assert told(webhook.messages[1]) == ([], [(*RUN_OF_B, "materialized")])


def test_a_run_of_a_range_names_the_shards_that_it_did_not_write(world: World, webhook: WebhookServer):
    world.broken.add("b")
    world.run(KEY, tags={"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"})
    world.tick()
    assert told(webhook.messages[0])[0] == [RUN_OF_B]


def test_assets_and_checks_without_partitions_are_told_too(world: World, webhook: WebhookServer):
    world.broken.add("report")
    world.run(REPORT)
    world.tick()
    world.broken.clear()
    world.failing["drift"] = dg.AssetCheckSeverity.WARN
    world.run(REPORT)
    world.tick()
    drift = ("failed_check", "town/report", "drift", None, None, "WARN")
    assert [told(message) for message in webhook.messages] == [
        ([RUN_OF_REPORT], []),
        ([drift], [(*RUN_OF_REPORT, "materialized")]),
    ]
    world.failing["drift"] = dg.AssetCheckSeverity.ERROR
    world.run(REPORT)
    world.tick()
    assert told(webhook.messages[2]) == ([(*drift[:-1], "ERROR")], []), "it got worse"


def test_a_check_that_cannot_judge_is_a_failed_run_until_it_gives_a_verdict(world: World, webhook: WebhookServer):
    world.unjudged = True
    world.run(REPORT)
    world.tick()
    unjudged = ("failed_run", "town/report", "drift", None, None, "ERROR")
    assert told(webhook.messages[0]) == ([unjudged], [])
    assert webhook.messages[0]["opened"][0]["message"] == "ValueError: no baseline"
    world.unjudged = False
    world.run(REPORT)
    world.tick()
    assert told(webhook.messages[1]) == ([], [(*unjudged, "evaluated")])


def test_a_step_that_writes_an_asset_and_makes_its_check_is_one_incident(world: World, webhook: WebhookServer):
    world.broken.add("catalog")
    world.run(CATALOG)
    world.tick()
    world.broken.clear()
    world.run(CATALOG)
    world.tick()
    catalog = ("failed_run", "town/catalog", None, None, None, "ERROR")
    assert [told(message) for message in webhook.messages] == [([catalog], []), ([], [(*catalog, "materialized")])]


def test_a_failed_discovery_is_over_when_the_job_succeeds(world: World, webhook: WebhookServer):
    world.broken.add("source")
    world.discover()
    world.tick()
    world.broken.clear()
    world.discover()
    world.tick()
    job = ("failed_run", None, None, None, "discover_town_shards", "ERROR")
    assert [told(message) for message in webhook.messages] == [([job], []), ([], [(*job, "succeeded")])]


def test_a_run_that_dagster_will_retry_says_nothing_yet(world: World, webhook: WebhookServer):
    world.broken.add("b")
    world.run(KEY, shard="b", tags={"dagster/will_retry": "true"})
    assert world.tick() == "nothing new; 0 open"
    world.run(KEY, shard="b", tags={"dagster/will_retry": "false"})
    world.tick()
    assert [told(message) for message in webhook.messages] == [([RUN_OF_B], [])]


def test_a_failure_is_looked_at_when_it_has_settled(
    world: World, webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
):
    world.broken.add("b")
    world.run(KEY, shard="b")
    monkeypatch.setattr(sensor_module, "SETTLE_SECONDS", 3600.0)
    assert world.tick() == "nothing new; 0 open"
    monkeypatch.setattr(sensor_module, "SETTLE_SECONDS", -1.0)
    assert world.tick() == "1 began, 0 ended; 1 open; sent"


def test_what_broke_before_the_first_tick_is_told_if_it_is_still_broken(
    instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer
):
    world = World(instance, lake.url, {"webhook": webhook.url})
    world.broken |= {"b", "report"}
    world.failing["a"] = dg.AssetCheckSeverity.ERROR
    for shard in SHARDS:
        world.run(KEY, shard=shard)
    world.run(REPORT)
    world.failing.clear()
    world.run(KEY, shard="a")
    world.tick()
    world.tick()
    opened, closed = told(webhook.messages[0])
    assert (set(opened), closed) == ({RUN_OF_B, RUN_OF_REPORT}, [])


def test_a_withdrawn_shard_is_no_incident_any_more(world: World, webhook: WebhookServer):
    world.failing["b"] = dg.AssetCheckSeverity.ERROR
    world.run(KEY, shard="b")
    world.tick()
    world.instance.delete_dynamic_partition(world.settings.partitions.name or "", "b")
    world.tick()
    assert told(webhook.messages[1]) == ([], [(*SCHEMA_OF_B, "withdrawn")])
    assert world.tick() == "nothing new; 0 open"


def test_other_corpora_are_not_told(world: World, webhook: WebhookServer):
    @dg.asset(key=dg.AssetKey(["township", "report"]))
    def other() -> None:
        raise ValueError

    dg.materialize([other], instance=world.instance, raise_on_error=False)
    assert world.tick() == "nothing new; 0 open"
    assert webhook.messages == []


def test_mild_and_ignored_checks_are_left_out(instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer):
    alerts = {"webhook": webhook.url, "min_severity": "error", "ignore_checks": ["drift"]}
    world = World(instance, lake.url, alerts)
    world.tick()
    world.failing |= {"a": dg.AssetCheckSeverity.WARN, "drift": dg.AssetCheckSeverity.ERROR}
    world.run(KEY, shard="a")
    world.run(REPORT)
    assert world.tick() == "nothing new; 0 open"
    world.failing["a"] = dg.AssetCheckSeverity.ERROR
    world.run(KEY, shard="a")
    world.tick()
    world.failing["a"] = dg.AssetCheckSeverity.WARN
    world.run(KEY, shard="a")
    world.tick()
    schema_of_a = (*SCHEMA_OF_B[:3], "a", None, "ERROR")
    assert [told(message) for message in webhook.messages] == [([schema_of_a], []), ([], [(*schema_of_a, "milder")])]


def test_a_broken_shard_of_a_real_corpus_is_one_incident(make_town: Callable[..., Town], webhook: WebhookServer):
    """The steps of a corpus also have checks of the whole corpus, which a failed run leaves without a verdict."""
    town = make_town(alerts={"webhook": webhook.url})
    (town.folder / "bad.jsonl").write_bytes(b"\x00\x01" * 100)
    [shard] = town.discover()
    town.run("raw_shards", shard=shard)
    resources = {"lake": LakeResource(url=town.lake.url)}
    context = dg.build_sensor_context(town.instance, definitions=town.definitions, resources=resources)
    build_alert_sensor(town.settings).evaluate_tick(context)
    [opened] = webhook.messages[0]["opened"]
    assert (opened["asset"], opened["partition"], opened["check"]) == (f"{CORPUS}/raw_shards", shard, None)
