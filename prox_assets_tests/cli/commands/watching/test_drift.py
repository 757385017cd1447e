"""`prox drift` on lakes of made-up metrics."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets_tests.monitoring.metric_lakes import metric_lake
from prox_assets_tests.monitoring.metric_rows import week, weeks


def prox_drift(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["drift", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output + (result.stderr or "")


def test_a_quiet_corpus_exits_with_nought(tmp_path: Path) -> None:
    metric_lake(tmp_path, weeks(20))
    code, output = prox_drift("--lake", tmp_path)
    assert code == 0
    assert "measures are as before, judged at week-19" in output


def test_every_measure_is_listed_with_its_limit_the_nearest_first(tmp_path: Path) -> None:
    lake = metric_lake(tmp_path, [*weeks(20), week(20, no_op=0.7)])
    _, output = prox_drift("--lake", tmp_path)
    latest = judge_arrivals(arrivals(lake, "web", DriftSettings()), DriftSettings())[-1]
    lines = [line.split() for line in output.splitlines()]
    listed = [line for line in lines if line and line[0] in {*latest.judged} and len(line) > 4]
    assert [line[0] for line in listed] == [
        gauge.measure for gauge in sorted(latest.gauges, key=lambda gauge: -gauge.share_of_limit)
    ]
    shares = [int(word.rstrip("%")) for line in listed for word in line[-2:-1]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] >= 100


def test_an_error_is_printed_with_its_query_and_exits_with_one(tmp_path: Path) -> None:
    metric_lake(tmp_path, [*weeks(20), week(20, no_op=0.7)])
    code, output = prox_drift("--lake", tmp_path, "--corpus", "web")
    assert code == 1
    assert "error no_op_programs" in output
    assert "since week-20" in output
    assert "SELECT shard, doc_id, chunk_index" in output


def test_a_warning_alone_exits_with_nought(tmp_path: Path) -> None:
    metric_lake(tmp_path, [*weeks(20), week(20, truncated=0.08)])
    code, output = prox_drift("--lake", tmp_path)
    assert code == 0
    assert "warn truncated_programs" in output


def test_history_lists_what_earlier_shards_had(tmp_path: Path) -> None:
    metric_lake(tmp_path, [*weeks(20), week(20, no_op=0.7), week(21)])
    code, output = prox_drift("--lake", tmp_path, "--history")
    assert code == 0
    assert "web week-20: error no_op_programs" in output


@pytest.mark.parametrize(
    "text",
    [
        "thresholds: {no_op_programs: {enabled: false}, operations_per_document: {enabled: false}}",
        "type: prox_assets.RefinedCorpus\nattributes:\n  corpus: web\n  monitoring:\n"
        "    thresholds: {no_op_programs: {enabled: false}}",
    ],
)
def test_settings_come_from_a_file_or_a_defs_yaml(tmp_path: Path, text: str) -> None:
    metric_lake(tmp_path / "lake", [*weeks(20), week(20, no_op=0.7)])
    (tmp_path / "settings.yaml").write_text(text)
    code, output = prox_drift("--lake", tmp_path / "lake", "--settings", tmp_path / "settings.yaml")
    assert code == 0
    assert "no_op_programs" not in output


def test_too_few_shards_are_said(tmp_path: Path) -> None:
    metric_lake(tmp_path, weeks(3))
    code, output = prox_drift("--lake", tmp_path)
    assert code == 0
    assert "nothing to judge yet: 3 shards are measured, and 7" in output


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("--corpus", "moon"), "", "it has: web"),
        ((), "colour: red", "colour"),
        ((), "thresholds: {retention: {warn: lots}}", "thresholds.retention.warn"),
        ((), "just text", "valid dictionary"),
        ((), "a: [", "cannot be read as settings"),
        ((), "accepted_from: week-99", "week-99"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_plain_message(
    tmp_path: Path, arguments: tuple[str, ...], settings: str, message: str
) -> None:
    metric_lake(tmp_path / "lake", weeks(8))
    (tmp_path / "settings.yaml").write_text(settings)
    code, output = prox_drift("--lake", tmp_path / "lake", "--settings", tmp_path / "settings.yaml", *arguments)
    assert code == 1
    assert message in output


def test_an_empty_lake_and_a_missing_file_are_said(tmp_path: Path) -> None:
    assert "has no corpus yet" in prox_drift("--lake", tmp_path / "none")[1]
    assert "cannot be read" in prox_drift("--lake", tmp_path, "--settings", tmp_path / "none.yaml")[1]
