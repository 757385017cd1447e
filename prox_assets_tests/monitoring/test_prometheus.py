"""The metrics: right numbers, a format that Prometheus parses, and a dashboard over exactly these names."""

import http.server
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from prox_assets.catalog.compaction import compact
from prox_assets.cli import app
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.monitoring.alert_status import AlertStatus, write_alert_status
from prox_assets.monitoring.drift.settings import DriftSettings, Measure
from prox_assets.monitoring.prometheus import CONTENT_TYPE, GAUGES, lake_metrics
from prox_assets.refiners.presets import preset
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets_tests.infra.deployment_files import PROJECT_ROOT
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.monitoring.metric_lakes import metric_lake
from prox_assets_tests.monitoring.metric_rows import week
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

DASHBOARD = PROJECT_ROOT / "infra" / "grafana" / "refinement.json"
PAGE = (
    "Home | About\nThe ferry to the island runs twice a day, and in summer there is a third one for the people who "
    "work there.\nThe harbour has a small museum with the nets and the boats of the last hundred years.\nShare"
)

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Values:
    """Read an exposition as Prometheus does; every sample must be unique, and of a described gauge."""
    values: Values = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in values
            values[key] = sample.value
    return values


def value(values: Values, name: str, **labels: str) -> float:
    return values[name, frozenset(labels.items())]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Four shards: measured, executed again since, read only, and listed only."""
    lake = lake_at(tmp_path / "lake")
    for name in "abcd":
        write_pages(tmp_path / "raw" / f"{name}.jsonl", [PAGE, PAGE.replace("ferry", "boat")])
    plan = make_plan(tmp_path / "raw", refiners=preset("keep-all"))
    shards = discover_shards(lake, plan, "run").shards
    assert refine_shards(lake, plan, shards[:2], "run", report=lambda *_: lambda *_: None).errors == {}
    refine_shard(ShardRun(lake, plan, "b.jsonl", "run-2", force=True))
    read_raw_shard(ShardRun(lake, plan, "c.jsonl", "run"))
    (tmp_path / "raw" / "d.jsonl").unlink()
    discover_shards(lake, plan, "run-3")
    return lake


def test_the_numbers_are_those_of_the_lake(lake: Lake) -> None:
    for _ in range(2):
        values = parsed(lake_metrics(lake))
        states = {"listed": 1, "raw_shards": 1, "doc_programs": 0, "chunk_programs": 0}
        for state, count in {**states, "refined_shards": 1, "quality_metrics": 1}.items():
            assert value(values, "prox_shards", corpus="web", state=state) == count
        assert value(values, "prox_shards_gone", corpus="web") == 1
        measured = lake.scan("web", Table.SHARD_METRICS).collect()
        rows = {name: measured[name].to_list() for name in measured.columns}
        assert sum(rows["documents_in"]) == 4
        for outcome in Outcome:
            assert value(values, "prox_documents", corpus="web", outcome=outcome) == sum(rows[outcome])
        for text, name in (("raw", "characters_in"), ("refined", "characters_out")):
            assert value(values, "prox_characters", corpus="web", text=text) == sum(rows[name]) > 0
        retention = sum(rows["characters_out"]) / sum(rows["characters_in"])
        assert value(values, "prox_retention_ratio", corpus="web") == pytest.approx(retention)
        chunks = sum(rows["chunks"]) - sum(rows["chunks_skipped"])
        assert value(values, "prox_chunk_programs", corpus="web") == chunks
        last = max(rows["measured_at"])
        assert value(values, "prox_last_measured_timestamp_seconds", corpus="web") == pytest.approx(last.timestamp())
        assert ("prox_tokens", frozenset({"corpus": "web", "text": "raw"}.items())) not in values, "no model, no tokens"
        compact(lake, "web")


def test_every_gauge_is_exported_by_a_lake_that_has_everything(tmp_path: Path) -> None:
    rows = [{**week(number), "tokens_in": 9, "tokens_out": 7} for number in range(8)]
    for row in rows:
        row |= dict.fromkeys(("doc_prompt_tokens", "chunk_prompt_tokens"), 5)
        row |= dict.fromkeys(("doc_completion_tokens", "chunk_completion_tokens"), 3)
        row |= {"doc_engine_seconds": 0.5, "chunk_engine_seconds": 1.25, "characters_in": 10, "characters_out": 5}
    lake = metric_lake(tmp_path / "lake", rows)
    write_alert_status(lake, "web", AlertStatus(open=2, untold=1, failed_attempts=3, changed_at=0.0))
    values = parsed(lake_metrics(lake))
    assert {name for name, _ in values} == set(GAUGES)
    for name, labels in values:
        assert {label for label, _ in labels} == set(GAUGES[name][1])
    assert value(values, "prox_tokens", corpus="web", text="refined") == 56
    assert value(values, "prox_engine_seconds", corpus="web", level="chunk") == 10
    assert value(values, "prox_prompt_tokens", corpus="web", level="doc") == 40
    assert value(values, "prox_alerts_open", corpus="web") == 2
    assert value(values, "prox_alerts_untold", corpus="web") == 1
    assert value(values, "prox_alerts_failed_attempts", corpus="web") == 3


def test_a_measure_that_has_moved_shows_with_its_severity(tmp_path: Path) -> None:
    rows = [week(number) for number in range(8)]
    rows.append(week(8, no_op=1.0))
    lake = metric_lake(tmp_path / "lake", rows)
    values = parsed(lake_metrics(lake))
    of = {"corpus": "web", "measure": Measure.NO_OP_PROGRAMS.value}
    assert value(values, "prox_drift_findings", **of, severity="error") == 1
    assert value(values, "prox_drift_findings", **of, severity="warn") == 0
    quiet = {**of, "measure": Measure.DROPPED_DOCUMENTS.value}
    assert [value(values, "prox_drift_findings", **quiet, severity=name) for name in ("warn", "error")] == [0, 0]
    accepted = {"web": DriftSettings(accepted_from="week-08")}
    assert value(parsed(lake_metrics(lake, drift=accepted)), "prox_drift_measures_judged", corpus="web") == 0
    unknown = {"web": DriftSettings(accepted_from="week-99")}
    names = {name for name, _ in parsed(lake_metrics(lake, drift=unknown))}
    assert not [name for name in names if name.startswith("prox_drift")]


def test_one_number_is_missing_rather_than_wrong(tmp_path: Path) -> None:
    rows = [{**week(0), "tokens_in": 9, "tokens_out": 7}, {**week(1), "programs_failed": None}]
    values = parsed(lake_metrics(metric_lake(tmp_path / "lake", rows)))
    names = {name for name, _ in values}
    assert names.isdisjoint({"prox_tokens", "prox_programs_failed"})
    assert "prox_programs_truncated" in names


def test_a_lake_without_measurements_has_metrics(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    assert {name for name, _ in parsed(lake_metrics(lake))} == {"prox_build_info"}
    write_pages(tmp_path / "raw" / "a.jsonl", [PAGE])
    discover_shards(lake, make_plan(tmp_path / "raw"), "run")
    values = parsed(lake_metrics(lake))
    assert value(values, "prox_shards", corpus="web", state="listed") == 1
    assert value(values, "prox_documents", corpus="web", outcome=Outcome.KEPT_EDITED) == 0
    assert "prox_retention_ratio" not in {name for name, _ in values}


def test_a_damaged_corpus_is_told_and_hides_no_other(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    lake.storage.write_bytes(lake.table_path("other", Table.SHARD_METRICS, "a.jsonl"), b"no parquet")
    values = parsed(lake_metrics(lake))
    assert value(values, "prox_corpus_up", corpus="other") == 0
    assert value(values, "prox_corpus_up", corpus="web") == 1
    assert value(values, "prox_shards", corpus="web", state="quality_metrics") == 1
    assert not [name for name, labels in values if ("corpus", "other") in labels and name != "prox_corpus_up"]
    assert "a.jsonl.parquet is damaged" in caplog.text


def test_names_that_the_format_must_escape_come_through(tmp_path: Path) -> None:
    name = 'we"b {x="1"} \\'
    lake = metric_lake(tmp_path / "lake", [week(0)], corpus="web")
    text = lake_metrics(lake, [name])
    assert value(parsed(text), "prox_corpus_up", corpus=name) in (0, 1)
    assert "\n\n" not in text


def test_the_command_prints_them_and_writes_them_whole(lake: Lake, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["metrics", "--lake", lake.url])
    assert shown.exit_code == 0, shown.output
    file = tmp_path / "prox.prom"
    file.write_text("before")
    written = CliRunner().invoke(app, ["metrics", "--lake", lake.url, "--corpus", "web", "--output", str(file)])
    assert (written.exit_code, written.output) == (0, "")
    assert parsed(file.read_text()) == parsed(shown.output) == parsed(lake_metrics(lake))
    assert not list(tmp_path.glob(".prox.prom*"))
    nowhere = CliRunner().invoke(app, ["metrics", "--lake", lake.url, "--output", str(tmp_path / "no" / "x.prom")])
    assert nowhere.exit_code == 1
    assert "the metrics cannot be written" in nowhere.output


@pytest.fixture
def endpoint(lake: Lake) -> Iterator[str]:
    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = lake_metrics(lake).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
        server.shutdown()
        thread.join()


def test_what_is_scraped_is_what_the_lake_has(endpoint: str, lake: Lake) -> None:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(endpoint) as answer:
        scraped = parsed(answer.read().decode())
    assert scraped == parsed(lake_metrics(lake))


def expressions() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return found + [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]


def test_the_dashboard_shows_exactly_what_is_exported() -> None:
    assert {name for text in expressions() for name in re.findall(r"\bprox_\w+", text)} == set(GAUGES)


def test_the_dashboard_selects_and_names_by_labels_that_there_are(lake: Lake) -> None:
    exported = parsed(lake_metrics(lake))
    for text in expressions():
        for name, selectors in re.findall(r"\b(prox_\w+)\{([^}]*)\}", text):
            for label, sign, wanted in re.findall(r'(\w+)(=~|=)"([^"]*)"', selectors):
                assert label in GAUGES[name][1], text
                if sign == "=":
                    assert any((label, wanted) in labels for each, labels in exported if each == name), text
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            names = re.findall(r"\bprox_\w+", target["expr"])
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= {label for name in names for label in GAUGES[name][1]}, panel["title"]


def test_the_dashboards_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + column, place["y"] + row) for column in range(place["w"]) for row in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_docs_name_every_metric() -> None:
    page = (PROJECT_ROOT / "docs" / "monitoring.md").read_text()
    assert {name for name in GAUGES if f"`{name}`" not in page} == set()
