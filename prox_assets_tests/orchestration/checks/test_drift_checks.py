"""The drift checks in real runs, on a lake of made-up weeks and on a corpus's own shard."""

import asyncio
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings, Kind
from prox_assets.orchestration.checks.drift_checks import CHECKS, findings_markdown
from prox_assets_tests.monitoring.metric_lakes import metric_lake
from prox_assets_tests.monitoring.metric_rows import week, weeks
from prox_assets_tests.orchestration.conftest import CORPUS, Town
from prox_assets_tests.orchestration.test_assets import ALL, failures, write_pages

NAMES = {kind: name for kind, (name, _) in CHECKS.items()}


def run_checks(
    town: Town, rows: list[dict[str, Any]], only: str | None = None
) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    """Run the checks alone, or one of them, on a lake with these rows."""
    metric_lake(town.folder.parent / "lake", rows, CORPUS)
    key = town.settings.key("quality_metrics")
    checks = {dg.AssetCheckKey(key, name) for name in ([only] if only else NAMES.values())}
    job = town.definitions.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection=checks)
    result = alone.execute_in_process(instance=town.instance, raise_on_error=False)
    return result, {item.check_name: item for item in result.get_asset_check_evaluations()}


def execution_status(town: Town, name: str) -> str:
    """Return the status of a check's latest execution, as the UI shows it."""
    key = dg.AssetCheckKey(town.settings.key("quality_metrics"), name)
    [record] = town.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    status = asyncio.run(record.resolve_status(LoadingContextForTest(town.instance)))
    return status.value


def test_quiet_weeks_pass_every_check(make_town: Callable[..., Town]) -> None:
    _, checks = run_checks(make_town(), weeks(20))
    assert checks.keys() == set(NAMES.values())
    assert all(check.passed for check in checks.values())
    assert checks["rate_shift"].metadata["measures_judged"].value > 5


def test_every_check_has_the_change_and_the_limit_of_each_measure_passed_or_not(make_town: Callable[..., Town]) -> None:
    rows = [*weeks(20), week(20, no_op=0.7)]
    latest = judge_arrivals(rows, DriftSettings())[-1]
    _, checks = run_checks(make_town(), rows)
    assert [check.passed for check in checks.values()].count(True) >= 2
    for gauge in latest.gauges:
        metadata = checks[NAMES[gauge.kind]].metadata
        assert metadata[f"{gauge.measure}/change"] == dg.FloatMetadataValue(gauge.value)
        assert metadata[f"{gauge.measure}/limit"] == dg.FloatMetadataValue(gauge.limit)
        assert metadata["share_of_limit"].value >= gauge.share_of_limit
        assert f"| {gauge.measure} |" in str(metadata["measures"].value)
    assert {gauge.kind for gauge in latest.gauges} == set(Kind)


def test_one_check_can_be_run_by_itself(make_town: Callable[..., Town]) -> None:
    result, checks = run_checks(make_town(), weeks(20), only=NAMES[Kind.SCHEMA])
    assert result.success
    assert checks.keys() == {NAMES[Kind.SCHEMA]}


def test_checks_without_anything_to_judge_are_skipped_and_the_log_says_why(
    make_town: Callable[..., Town], capfd: pytest.CaptureFixture[str]
) -> None:
    town = make_town()
    result, checks = run_checks(town, [{**row, "doc_prompted": None} for row in weeks(20)])
    assert result.success
    assert checks.keys() == set(NAMES.values()) - {NAMES[Kind.LEVEL]}
    reason = "level_shift is skipped, there is nothing to judge yet: 20 shards are measured, and 7"
    assert reason in capfd.readouterr().err
    assert execution_status(town, NAMES[Kind.LEVEL]) == "SKIPPED"
    assert execution_status(town, NAMES[Kind.RATE]) == "SUCCEEDED"


def test_an_error_fails_its_check_with_numbers_a_table_and_a_link(make_town: Callable[..., Town]) -> None:
    _, checks = run_checks(make_town(), [*weeks(20), week(20, no_op=0.7), week(21, no_op=0.7)])
    check = checks[NAMES[Kind.RATE]]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.metadata["no_op_programs/change"].value == pytest.approx(0.6, abs=0.1)
    assert "since week-20 (2 shards)" in check.description
    assert "| error | no\\_op\\_programs" in check.metadata["what_moved"].value or "no_op_programs" in str(
        check.metadata["what_moved"].value
    )
    assert "week-20" in str(check.metadata["first_shard"].value)
    assert checks[NAMES[Kind.LEVEL]].passed


def test_a_warning_fails_its_check_with_a_warning(make_town: Callable[..., Town]) -> None:
    _, checks = run_checks(make_town(), [*weeks(20), week(20, truncated=0.08)])
    check = checks[NAMES[Kind.RATE]]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_thresholds_of_a_corpus_come_from_its_defs_yaml(make_town: Callable[..., Town]) -> None:
    off = {measure: {"enabled": False} for measure in ("no_op_programs",)}
    town = make_town(monitoring={"thresholds": off, "baseline_shards": 10})
    assert town.settings.monitoring.baseline_shards == 10
    _, checks = run_checks(town, [*weeks(20), week(20, no_op=0.7)])
    assert checks[NAMES[Kind.RATE]].passed


def test_settings_that_name_an_unknown_shard_fail_at_once_with_the_remedy(make_town: Callable[..., Town]) -> None:
    result, checks = run_checks(make_town(monitoring={"accepted_from": "week-99"}), weeks(8))
    assert not checks
    assert "week-99" in failures(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_the_checks_run_with_the_metrics_of_a_partition(make_town: Callable[..., Town], lake: Lake) -> None:
    town = make_town()
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    result = town.run(*ALL, shard=shard)
    assert result.success
    checks = {item.check_name: item for item in result.get_asset_check_evaluations()}
    assert not checks.keys() & set(NAMES.values())
    assert {execution_status(town, name) for name in NAMES.values()} == {"SKIPPED"}


def test_names_from_outside_cannot_write_markdown() -> None:
    hostile = "x`](http://evil)|<script>"
    rows = [*weeks(20), {**week(20, no_op=0.7), "shard": f"{hostile}```"}]
    text = findings_markdown(judge_arrivals(rows, DriftSettings())[-1].findings)
    table, _, rest = text.partition("```sql")
    assert "<script>" not in table.replace("\\<script\\>", "")
    assert "`" not in table.replace("\\`", "")
    assert rest.count("```") == 2 * text.count("```sql") - 1
