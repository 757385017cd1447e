"""The report's page: what it shows."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from prox_assets.compute.parameters import Parameters
from prox_assets.lake.errors import LakeError, MissingTableError
from prox_assets.lake.records.compute import record_attempt
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.machine.processor import DeviceUse, processor
from prox_assets.monitoring.completeness import completeness
from prox_assets.monitoring.drift.messages import in_words
from prox_assets.monitoring.drift.settings import DriftSettings, Measure
from prox_assets.monitoring.report.page import assemble, render
from prox_assets.monitoring.report.samples import samples
from prox_assets.monitoring.report.write import write_report
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets_tests.lakes import files_of, table_file
from prox_assets_tests.monitoring.report.lakes import (
    CORPUS,
    TEXTS,
    add_measurement,
    measured_again,
    measured_row,
    measured_run,
)
from prox_assets_tests.monitoring.report.read_page import Page, assert_harmless, page_of
from prox_assets_tests.stages.shard_runs import KEY, with_policy


def test_the_page_says_what_became_of_the_documents(tmp_path: Path):
    page = page_of(measured_run(tmp_path).lake)
    for words in (
        "web: refinement report",
        "documents kept (66.7%); drop rate 33.3%",
        "dropped by document 1",
        "remove_lines",
    ):
        assert words in " ".join(page.text.split()), words
    assert "example.org" in page.text
    assert TEXTS[2] in page.text, "a dropped document is shown"
    assert_harmless(page)


def test_trends_have_a_point_per_shard_and_hollow_ones_for_what_was_measured_before(tmp_path: Path):
    run = measured_run(tmp_path)
    row = measured_row(run)
    for week in range(5):
        add_measurement(run.lake, row, f"week-{week}", week, retention=0.5 + week / 20)
    add_measurement(run.lake, row, "week-2", 9, retention=0.9)
    measured_again(run)

    report = assemble(run.lake, CORPUS)

    kept = next(chart for chart in report.trends if chart.title == "Retention")
    assert [row["shard"] for row in report.history.latest] == [*(f"week-{week}" for week in range(5)), KEY]
    assert [point.label for point in kept.lines[0].points][1:4] == ["week-1: 55%", "week-2: 90%", "week-3: 65%"]
    assert kept.lines[0].earlier[0].label == "week-2, measured before: 60%"
    assert "Hollow points" in render(report)


def test_what_was_always_zero_is_named_and_not_drawn(tmp_path: Path):
    run = measured_run(tmp_path)
    report = assemble(run.lake, CORPUS)
    assert "Quarantined documents" in {trend.title for trend in report.always_zero}
    assert "Quarantined documents" not in {chart.title for chart in report.trends}
    add_measurement(run.lake, measured_row(run), "other", 1, quarantined=1)
    assert "Quarantined documents" in {chart.title for chart in assemble(run.lake, CORPUS).trends}


def test_the_shard_that_differs_most_comes_first_with_its_reason(tmp_path: Path):
    run = measured_run(tmp_path)
    row = measured_row(run)
    for week in range(8):
        add_measurement(run.lake, row, f"week-{week}", week, retention=0.7 + week / 1000)
    add_measurement(run.lake, row, "bad", 9, quarantined=2)
    first = assemble(run.lake, CORPUS).outliers[0]
    assert (first.row["shard"], first.title, first.usual) == ("bad", "Quarantined documents", 0.0)


def test_a_finding_is_shown_with_its_words_and_its_query(tmp_path: Path):
    run = measured_run(tmp_path, [f"line {n}\nThe rest stays." for n in range(40)])
    row = measured_row(run)
    for week in range(8):
        add_measurement(run.lake, row, f"week-{week}", week)
    add_measurement(run.lake, row, "zweek-9", 9, programs_failed=30, programs_executed=39)

    settings = DriftSettings(order="key")
    report = assemble(run.lake, CORPUS, settings)

    assert [str(finding.measure) for finding in report.drift.findings] == ["failed_programs"]
    page = Page(render(report))
    assert report.drift.findings[0].message in page.text
    assert report.drift.findings[0].examples in page.text
    assert "Drift (1)" in page.text
    assert "Every measure and its limit" in page.text
    shown = [page.text.index(in_words(gauge.kind, gauge.limit, signed=False)) for gauge in report.drift.gauges]
    assert len(shown) == report.drift.measures
    assert report.drift.gauges[0].measure == report.drift.findings[0].measure


def test_distributions_are_compared_with_the_baseline(tmp_path: Path):
    run = measured_run(tmp_path)
    row = measured_row(run)
    histogram = [0] * 19 + [10]
    for week in range(7):
        add_measurement(run.lake, row, f"week-{week}", week, keep_probability_histogram=histogram)
    add_measurement(run.lake, row, "week-7", 70, keep_probability_histogram=[10, *[0] * 19])
    drift = assemble(run.lake, CORPUS, DriftSettings(order="key")).drift
    chart = next(chart for chart in drift.charts if chart.title == "Keep probability")
    assert drift.latest is not None
    assert drift.latest.compared[Measure.KEEP_PROBABILITY].judged == ("week-7",)
    assert chart.bars[0].label == "0 to 5 %: 0% then, 100% now"


def test_a_shard_that_moved_is_no_baseline_for_those_after_it(tmp_path: Path):
    run = measured_run(tmp_path, [f"line {n}\nThe rest stays." for n in range(40)])
    row = measured_row(run)
    for week in range(10):
        add_measurement(run.lake, row, f"week-{week}", week, programs_failed=39 if week == 8 else 0)
    add_measurement(run.lake, row, "xweek", 10)
    drift = assemble(run.lake, CORPUS, DriftSettings(order="key", judged_documents=1)).drift
    assert drift.findings == ()
    assert drift.latest is not None
    baseline = drift.latest.compared[Measure.FAILED_PROGRAMS].baseline
    assert "week-8" not in baseline
    assert {"week-7", "week-9"} < {*baseline}


def test_a_level_that_the_judge_has_adopted_is_what_the_page_compares_with(tmp_path: Path):
    """The page took the last quiet shards for the baseline, and so the old level long after nothing had moved."""
    run = measured_run(tmp_path)
    row = measured_row(run)
    for week in range(26):
        histogram = [20, *[0] * 18, 80] if week < 12 else [80, *[0] * 18, 20]
        add_measurement(run.lake, row, f"week-{week:02}", week, keep_probability_histogram=histogram)
    settings = DriftSettings(order="key", accepted_from="week-00", judged_documents=1)
    report = assemble(run.lake, CORPUS, settings)
    chart = next(chart for chart in report.drift.charts if chart.title == "Keep probability")
    assert report.drift.findings == ()
    assert chart.bars[0].label == "0 to 5 %: 80% then, 80% now"
    assert chart.note == "then: 12 shards, week-13 to week-24"
    assert chart.note in Page(render(report)).text


def test_every_measure_is_drawn_beside_its_own_baseline(tmp_path: Path):
    run = measured_run(tmp_path)
    row = measured_row(run)
    for week in range(15):
        histogram = [80, *[0] * 18, 20] if week == 10 else [20, *[0] * 18, 80]
        add_measurement(run.lake, row, f"week-{week:02}", week, keep_probability_histogram=histogram)
    drift = assemble(run.lake, CORPUS, DriftSettings(order="key", accepted_from="week-00", judged_documents=1)).drift
    notes = {chart.title: chart.note for chart in drift.charts}
    assert notes["Keep probability"] == "then: 12 shards, week-01 to week-13"
    assert notes["Retention per document"] == "then: 12 shards, week-02 to week-13"


def test_a_pinned_shard_that_is_not_measured_yet_does_not_cost_the_rest_of_the_page(tmp_path: Path):
    run = measured_run(tmp_path)
    settings = DriftSettings(pinned_baseline=tuple(f"gone-{n}" for n in range(6)))
    assert "What became of the documents" in render(assemble(run.lake, CORPUS, settings))


def test_metrics_of_an_earlier_release_are_shown_without_what_they_lack(tmp_path: Path):
    run = measured_run(tmp_path)
    nothing = dict.fromkeys(
        ("retention_histogram", "length_histogram", "programs_no_op", "programs_executed", "keep_probability_histogram")
    )
    add_measurement(run.lake, measured_row(run), "old", 1, **nothing, signals_in=[], signals_out=[], operations=[])
    assert_harmless(page_of(run.lake))


def test_what_inference_has_cost_is_shown_and_a_lake_without_a_record_says_so(tmp_path: Path):
    run = measured_run(tmp_path)
    prompted = sum(map(len, TEXTS))
    with record_attempt(
        run.lake,
        CORPUS,
        "doc_programs",
        "b",
        run_id="run-2",
        model="large",
        refiner="fingerprint",
        device=DeviceUse("NVIDIA H100"),
        parameters=Parameters(1300, 10**9),
    ) as attempt:
        attempt.prompt_tokens = 3_000_000
    shown = " ".join(page_of(run.lake).text.split())
    # Cells stand side by side: step, refiner, device, attempts, failed, unfinished, N, prompt tokens.
    assert f"doc programskeep-all{processor(1).name}1000{prompted}" in shown
    assert "doc programslargeNVIDIA H1001001 G3 M" in shown
    assert "a model of a billion parameters on 1 M tokens" in shown
    run.lake.storage.remove(f"{CORPUS}/{Table.COMPUTE}")
    assert "No attempt is on record" in page_of(run.lake).text


def test_shards_without_documents_make_a_page(tmp_path: Path):
    run = measured_run(tmp_path, ["x"])
    assert "documents kept (0%); drop rate 100%" in page_of(run.lake).text
    empty = dict.fromkeys((name for name, value in measured_row(run).items() if type(value) is int), 0)
    add_measurement(run.lake, measured_row(run), "empty", 1, **empty, retention=None, drop_rate=None)
    assert_harmless(page_of(run.lake))


def test_the_report_lands_in_the_lake_whole_and_nothing_else_is_changed(tmp_path: Path):
    run = measured_run(tmp_path)
    before = files_of(run.lake)
    written = write_report(run.lake, CORPUS)
    after = files_of(run.lake)
    report = f"{CORPUS}/report/index.html"
    assert set(after) - set(before) == {report}
    assert {path: after[path] for path in before} == before
    assert written.place == run.lake.storage.uri(report)
    assert after[report].startswith(b"<!DOCTYPE html>")
    assert run.lake.corpora() == [CORPUS]


def test_what_cannot_be_reported_says_what_to_do(tmp_path: Path):
    run = measured_run(tmp_path)
    with pytest.raises(MissingTableError, match="materialize quality_metrics"):
        write_report(run.lake, "other")
    with pytest.raises(LakeError, match="folder that is there"):
        write_report(run.lake, CORPUS, output=tmp_path / "no" / "report.html")
    path = table_file(run.lake, CORPUS, Table.OUTCOMES, KEY)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LakeError, match=r"outcomes.*damaged.*refined_shards again"):
        write_report(run.lake, CORPUS)


def test_damage_behind_a_whole_footer_is_an_error_of_the_lake(tmp_path: Path):
    run = measured_run(tmp_path)
    path = table_file(run.lake, CORPUS, Table.OUTCOMES, KEY)
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(bytes(data))
    with pytest.raises(LakeError, match=r"web of the lake .* cannot be read|outcomes/.*is damaged"):
        write_report(run.lake, CORPUS)


def test_a_number_is_never_that_of_another_shard(tmp_path: Path):
    """Where the last shard kept nothing, its families showed the share of the shard before: 100 % after."""
    run = measured_run(tmp_path)
    passing = [{"signal": "passes_gopher_quality", "mean": 1.0}]
    row = {**measured_row(run), "signals_in": passing, "signals_out": passing}
    add_measurement(run.lake, row, "good", 1)
    nothing = {"documents_out": 0, "characters_out": 0, "characters_removed": 0, "retention": 0.0, "signals_out": []}
    gone = {**nothing, "drop_rate": 1.0, "document_characters_out_quantiles": None}
    add_measurement(run.lake, row, "spam", 5000, **gone)
    trends = {chart.title: chart for chart in assemble(run.lake, CORPUS).trends}
    for title in ("Gopher quality", "Document length"):
        before, after = trends[title].lines
        assert (after.name, after.last) == ("after", "none kept"), title
        assert before.last != "none kept"
    assert trends["Removed fraction"].lines[0].last == "none kept"
    assert trends["Retention"].lines[0].last == "0%"


def test_shards_that_are_not_measured_are_named_with_what_they_wait_for(tmp_path: Path):
    run = measured_run(tmp_path)
    for shard in ("unread.jsonl", "HOSTILE<b>.jsonl"):
        stamp = FileStamp("f", "i", "run-1", "1.0")
        with run.lake.write(CORPUS, shard, [Table.SHARDS], stamp) as [writer]:
            filled = ("corpus", "shard", "run_id", "code_version")
            writer.write({name: None for name in SCHEMAS[Table.SHARDS].names if name not in filled})
    found = completeness(run.lake, CORPUS)
    assert dict(found.missing) == {"HOSTILE<b>.jsonl": "raw_shards", "unread.jsonl": "raw_shards"}
    assert (found.shards, found.outdated) == (3, ())
    text = " ".join(page_of(run.lake).text.split())
    assert "2 of 3 shards are not measured: HOSTILE<b>.jsonl (raw_shards failed or has not run), unread.jsonl" in text

    table_file(run.lake, CORPUS, Table.SHARD_METRICS, KEY).unlink()
    assert completeness(run.lake, CORPUS).missing[KEY] == "quality_metrics"


def test_metrics_older_than_the_execution_are_told_and_the_refiner_keeps_its_name(tmp_path: Path):
    """The name stood only in the policy of the last execution, so that a re-execution took it away."""
    run = measured_run(tmp_path)
    names = [row["name"] for row in assemble(run.lake, CORPUS).history.configurations]
    assert len(names) == 1
    assert names[0]
    again = replace(with_policy(run, min_kept_characters=3), run_id="run-2")

    refine_shard(again)

    report = assemble(run.lake, CORPUS)
    assert report.completeness.outdated == (KEY,)
    assert "1 shard was executed again since its metrics were measured" in page_of(run.lake).text
    assert [row["name"] for row in report.history.configurations] == names
    measure_shard(again)
    report = assemble(run.lake, CORPUS)
    assert report.completeness.sentences == []
    assert [row["name"] for row in report.history.configurations] == names * 2


def test_measurements_of_an_earlier_release_get_the_name_from_a_policy_of_the_same_refiners(tmp_path: Path):
    run = measured_run(tmp_path)
    row = measured_row(run)
    add_measurement(run.lake, row, "before", 1, refiners=None, execution_fingerprint="other", execution_id="gone")
    names = [row["name"] for row in assemble(run.lake, CORPUS).history.configurations]
    assert names == [row["refiners"]] * 2


def test_every_number_of_the_metrics_is_in_the_report(tmp_path: Path):
    run = measured_run(tmp_path)
    add_measurement(run.lake, measured_row(run), "later", 5000, documents_executed=4711)
    page = page_of(run.lake)
    rows = {row.name: row.cells for group in assemble(run.lake, CORPUS).numbers.groups.values() for row in group}
    numeric = [field.name for field in SCHEMAS[Table.SHARD_METRICS] if field.type in (pa.int64(), pa.float64())]
    measured = [entry["signal"] for entry in measured_row(run)["signals_in"] if "passes_" not in entry["signal"]]
    assert len(measured) > 30
    for name in (*numeric, *(name.replace("_", " ") for name in measured)):
        assert name in rows, name
        assert name in page.text
    assert rows["documents_executed"] == ("4,713", "4,711", "2")


def test_documents_of_drifted_shards_come_first(tmp_path: Path):
    run = measured_run(tmp_path, [f"line {n}\nThe rest stays." for n in range(40)])
    found = samples(run.lake, CORPUS, [KEY], [KEY])
    notes = ["drifted" in sample.why for sample in found]
    assert notes == sorted(notes, reverse=True)
    assert {True, False} == set(notes)
    row = measured_row(run)
    for week in range(8):
        add_measurement(run.lake, row, f"a-{week}", week)
    add_measurement(run.lake, row, KEY, 5000, programs_failed=39, programs_executed=39)
    report = assemble(run.lake, CORPUS)
    assert [str(finding.measure) for finding in report.drift.findings] == ["failed_programs"]
    assert all("drifted" in sample.why for sample in report.samples)
