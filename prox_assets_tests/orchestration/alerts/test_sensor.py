"""The sensor on real runs and verdicts: what it tells a webhook, when, and how often."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.alert_status import read_alert_status
from prox_assets.orchestration.alerts import sensor as sensor_module
from prox_assets.orchestration.alerts.incidents import MAX_OPEN
from prox_assets.orchestration.alerts.sensor import build_alert_sensor
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.resources import LakeResource
from prox_assets.testing.ports import free_port
from prox_assets.testing.webhook_server import WebhookServer, webhook_server

CORPUS = "town"
KEY = dg.AssetKey([CORPUS, "refined_shards"])
REPORT = dg.AssetKey([CORPUS, "report"])
SHARDS = ["a", "b", "c"]


class World:
    """Small assets whose fate a test decides, and the corpus's alert sensor over them."""

    def __init__(self, instance: dg.DagsterInstance, lake: str, alerts: dict[str, Any] | None) -> None:
        self.instance = instance
        values: dict[str, Any] = {"corpus": CORPUS, "urls": ["x"], "alerts": alerts}
        self.settings = CorpusSettings.model_validate(values)
        instance.add_dynamic_partitions(self.settings.partitions.name or "", SHARDS)
        self.broken: set[str] = set()
        self.failing: dict[str, dg.AssetCheckSeverity] = {}
        self.unjudged = False
        self.cursor: str | None = None
        self.sensor = build_alert_sensor(self.settings)
        self.resources = {"lake": LakeResource(url=lake)}
        self.definitions = dg.Definitions(
            assets=[self._refined(), self._report()],
            asset_checks=[self._schema(), self._drift()],
            sensors=[self.sensor],
            jobs=[self._discovery()],
            resources=self.resources,
        )

    def _refined(self) -> dg.AssetsDefinition:
        @dg.asset(key=KEY, partitions_def=self.settings.partitions, backfill_policy=dg.BackfillPolicy.single_run())
        def refined(context: dg.AssetExecutionContext) -> None:
            for key in context.partition_keys:
                if key in self.broken:
                    raise dg.Failure(f"{key}: cannot be read <!channel>", allow_retries=False)
                if len(context.partition_keys) > 1:
                    context.log_event(dg.AssetMaterialization(KEY, partition=key))

        return refined

    def _report(self) -> dg.AssetsDefinition:
        @dg.asset(key=REPORT, deps=[KEY])
        def report() -> None:
            if "report" in self.broken:
                raise ValueError("no room")

        return report

    def _schema(self) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=KEY, name="schema", blocking=True, partitions_def=self.settings.partitions)
        def schema(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            severity = self.failing.get(context.op_execution_context.partition_key)
            return dg.AssetCheckResult(
                passed=severity is None, severity=severity or dg.AssetCheckSeverity.ERROR, description="columns differ"
            )

        return schema

    def _drift(self) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=REPORT, name="drift")
        def drift() -> dg.AssetCheckResult:
            if self.unjudged:
                raise ValueError("no baseline")
            severity = self.failing.get("drift")
            return dg.AssetCheckResult(passed=severity is None, severity=severity or dg.AssetCheckSeverity.ERROR)

        return drift

    def _discovery(self) -> dg.JobDefinition:
        @dg.op
        def list_source() -> None:
            if "source" in self.broken:
                raise ValueError("the store does not answer")

        @dg.job(name="discover_town_shards", tags={"prox/corpus": CORPUS})
        def discover() -> None:
            list_source()

        return discover

    def run(self, *keys: dg.AssetKey, shard: str | None = None, tags: dict[str, str] | None = None) -> str:
        """Run assets with their checks; return the run."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            partition_key=shard,
            tags=tags or {},
            asset_selection=list(keys),
            raise_on_error=False,
        ).run_id

    def discover(self) -> None:
        self.definitions.resolve_job_def("discover_town_shards").execute_in_process(
            instance=self.instance, raise_on_error=False
        )

    def tick(self) -> str:
        """Run the sensor once, as the daemon does; return what the tick shows."""
        context = dg.build_sensor_context(
            self.instance, self.cursor, definitions=self.definitions, resources=self.resources
        )
        outcome = self.sensor.evaluate_tick(context)
        assert outcome.cursor is not None
        self.cursor = outcome.cursor
        return outcome.skip_message or ""


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed runs are looked at at once: in-process runs come in order, and nothing retries them."""
    monkeypatch.setattr(sensor_module, "SETTLE_SECONDS", -1.0)


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def world(instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer) -> World:
    made = World(instance, lake.url, {"webhook": webhook.url, "timeout_seconds": 2})
    assert made.tick() == "nothing new; 0 open"
    return made


def told(message: dict[str, Any]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    names = ("kind", "asset", "check", "partition", "job", "severity")
    opened = [tuple(item[name] for name in names) for item in message["opened"]]
    return opened, [(*(item[name] for name in names), item["reason"]) for item in message["closed"]]


SCHEMA_OF_B = ("failed_check", "town/refined_shards", "schema", "b", None, "ERROR")
RUN_OF_B = ("failed_run", "town/refined_shards", None, "b", None, "ERROR")
RUN_OF_REPORT = ("failed_run", "town/report", None, None, None, "ERROR")


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
    alerts = {"webhook": webhook.url, "format": "slack", "dagster_url": "http://dagster.example/"}
    world = World(instance, lake.url, alerts)
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
