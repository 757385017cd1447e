"""How alerts reach a webhook that is well, slow, broken or gone, and a log; and that no secret is shown."""

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.alert_status import read_alert_status
from prox_assets.orchestration.alerts import sensor as sensor_module
from prox_assets.orchestration.alerts.incidents import MAX_OPEN
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.testing.ports import free_port
from prox_assets.testing.servers.webhook_server import WebhookServer, webhook_server
from prox_assets_tests.infra.deployment_files import PROJECT_ROOT
from prox_assets_tests.orchestration.alerts.world import CORPUS, KEY, REPORT, RUN_OF_B, RUN_OF_REPORT, World, told


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda handler: handler.reply(500), "it answered with status 500"),
        (lambda handler: handler.reply(302), "it answered with status 302"),
        (lambda handler: handler.hang(), "no answer within 0.3 s"),
        (lambda handler: handler.drip(), "no answer within 0.3 s"),
    ],
)
def test_a_webhook_that_does_not_take_a_message_gets_it_again_with_what_came_since(
    instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer, answer: Any, reason: str
):
    world = World(instance, lake.url, {"webhook": webhook.url, "timeout_seconds": 0.3})
    world.tick()
    webhook.answer = answer
    world.broken.add("b")
    world.run(KEY, shard="b")
    assert reason in (first := world.tick())
    assert "NOT sent" in first
    assert "Attempt 1" in first
    world.broken = {"report"}
    world.run(KEY, shard="b")
    world.run(REPORT)
    assert "Attempt 2" in world.tick()
    status = read_alert_status(lake, CORPUS)
    assert status is not None
    assert (status.open, status.untold, status.failed_attempts) == (1, 3, 2)

    webhook.answer = lambda handler: handler.reply(204)
    assert world.tick() == "2 began, 1 ended; 1 open; sent"
    assert told(webhook.messages[-1]) == ([RUN_OF_B, RUN_OF_REPORT], [(*RUN_OF_B, "materialized")])
    status = read_alert_status(lake, CORPUS)
    assert status is not None
    assert (status.open, status.untold, status.failed_attempts) == (1, 0, 0)
    assert world.tick() == "nothing new; 1 open"


def test_a_dead_webhook_gets_everything_when_it_is_back(instance: dg.DagsterInstance, lake: Lake):
    port = free_port()
    world = World(instance, lake.url, {"webhook": f"http://127.0.0.1:{port}/x"})
    world.tick()
    world.broken.add("b")
    world.run(KEY, shard="b")
    for attempt in (1, 2, 3):
        assert f"no connection (ConnectError). Attempt {attempt}" in world.tick()
    with webhook_server(port) as webhook:
        assert world.tick() == "1 began, 0 ended; 1 open; sent"
        assert told(webhook.messages[0]) == ([RUN_OF_B], [])


def test_slack_gets_text_that_it_takes_as_it_is(instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer):
    alerts = {"webhook": webhook.url, "format": "slack"}
    world = World(instance, lake.url, alerts, dagster_url="http://dagster.example/")
    world.tick()
    world.broken.add("b")
    run = world.run(KEY, shard="b")
    world.tick()
    world.broken.clear()
    world.run(KEY, shard="b")
    world.tick()
    first, second = webhook.messages
    assert first == {
        "text": "*town*: 1 open\n:rotating_light: ERROR failed run: town/refined_shards [b]: "
        f"b: cannot be read &lt;!channel&gt; (<http://dagster.example/runs/{run}|run>)"
    }
    assert second["text"].startswith(
        "*town*: 0 open\n:white_check_mark: over (materialized): failed run: town/refined_shards [b], since 20"
    )


def test_headers_are_sent_and_no_secret_is_shown(
    instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer, capfd: pytest.CaptureFixture[str]
):
    secrets = ("secret-part", "token-in-a-header")
    alerts = {"webhook": webhook.url, "headers": {"Authorization": f"Bearer {secrets[1]}"}}
    world = World(instance, lake.url, alerts)
    shown = [repr(world.settings), world.tick()]
    world.broken.add("b")
    world.run(KEY, shard="b")
    webhook.answer = lambda handler: handler.reply(403)
    shown += [world.tick(), world.cursor or ""]
    webhook.answer = lambda handler: handler.reply(200)
    shown += [world.tick(), world.cursor or ""]
    assert webhook.headers[-1]["Authorization"] == f"Bearer {secrets[1]}"
    assert webhook.paths[-1] == f"/services/{secrets[0]}"
    captured = capfd.readouterr()
    shown += [captured.out, captured.err]
    shown += [path.read_text() for path in Path(lake.url).rglob("*.json")]
    assert "failed run: town/refined_shards [b]" in captured.err, "the log has the alert"
    assert [secret for secret in secrets for text in shown if secret in text] == []


@pytest.mark.parametrize("url", ["ftp://x/secret-part", "secret-part", "http://x:y/secret-part"])
def test_an_address_that_is_none_is_told_without_it(instance: dg.DagsterInstance, lake: Lake, url: str):
    world = World(instance, lake.url, {"webhook": url})
    world.tick()
    world.broken.add("b")
    world.run(KEY, shard="b")
    outcome = world.tick()
    assert "`webhook` is not an http:// or https:// URL" in outcome
    assert "secret-part" not in outcome


def test_without_a_webhook_alerts_are_logged(
    instance: dg.DagsterInstance, lake: Lake, capfd: pytest.CaptureFixture[str]
):
    world = World(instance, lake.url, None)
    assert world.sensor.default_status is dg.DefaultSensorStatus.STOPPED
    world.tick()
    world.broken.add("b")
    world.run(KEY, shard="b")
    capfd.readouterr()
    assert world.tick() == "1 began, 0 ended; 1 open; logged, no webhook is set"
    assert "town: ERROR failed run: town/refined_shards [b]: b: cannot be read" in capfd.readouterr().err


def test_a_cursor_of_another_version_begins_anew(world: World, webhook: WebhookServer):
    world.broken.add("b")
    world.run(KEY, shard="b")
    for cursor in ("garbage", json.dumps({"version": 99, "runs_since": 0})):
        world.cursor = cursor
        world.tick()
    assert [told(message)[0] for message in webhook.messages] == [[RUN_OF_B], [RUN_OF_B]]


def test_the_cursor_stays_small_when_everything_fails(
    instance: dg.DagsterInstance, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    world = World(instance, lake.url, {"webhook": f"http://127.0.0.1:{free_port()}/x"})
    world.tick()
    shards = [f"part-{number:05}" for number in range(MAX_OPEN + 100)]
    instance.add_dynamic_partitions(world.settings.partitions.name or "", shards)
    for shard in shards:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=KEY, check_name="schema", passed=False, partition=shard, description="x" * 1000
            )
        )
    assert f"100 began, 0 ended, {MAX_OPEN} not listed; {MAX_OPEN} open; NOT sent" in world.tick()
    assert len(world.cursor or "") < 120_000
    with webhook_server() as webhook:
        monkeypatch.setattr(sensor_module, "send", lambda settings, message: webhook.messages.append(message))
        world.tick()
    [message] = webhook.messages
    assert (len(message["opened"]), message["not_listed"], message["open"]) == (100, MAX_OPEN, MAX_OPEN)


def blocks(language: str) -> list[str]:
    page = (PROJECT_ROOT / "docs" / "alerts.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.S)


def test_the_docs_show_the_settings_that_there_are() -> None:
    [text] = blocks("yaml")
    settings = CorpusSettings.model_validate(yaml.safe_load(text)["attributes"])
    assert settings.alerts is not None
    assert settings.alerts.model_fields_set == set(type(settings.alerts).model_fields)
    assert settings.dagster_url is not None
    defaults = type(settings.alerts)()
    for name in ("format", "timeout_seconds", "min_severity", "ignore_checks"):
        assert getattr(settings.alerts, name) == getattr(defaults, name)


def test_the_docs_show_the_message_that_is_sent(world: World, webhook: WebhookServer) -> None:
    [text] = blocks("json")
    shown = json.loads(text)
    world.broken.add("b")
    world.run(KEY, shard="b")
    world.tick()
    world.broken.clear()
    world.run(KEY, shard="b")
    world.tick()
    begun, ended = webhook.messages
    assert shown.keys() == begun.keys()
    assert shown["opened"][0].keys() == begun["opened"][0].keys()
    assert ended["closed"][0].keys() == {*shown["opened"][0], "until", "reason"}
