"""Which changes are findings, which are not, and what a finding says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prox_assets.monitoring.drift.judge import DriftError, DriftFinding, judge_arrivals
from prox_assets.monitoring.drift.settings import DEFAULT_THRESHOLDS, KINDS, DriftSettings, Measure, Severity, Threshold
from prox_assets_tests.monitoring.metric_rows import week, weeks

DEFAULT = DriftSettings()


def found(rows: list[dict[str, Any]], chosen: DriftSettings = DEFAULT) -> dict[Measure, DriftFinding]:
    return {finding.measure: finding for finding in judge_arrivals(rows, chosen)[-1].findings}


def test_every_measure_has_a_kind_and_a_threshold() -> None:
    assert set(KINDS) == set(DEFAULT_THRESHOLDS) == set(Measure)


@pytest.mark.parametrize("seed", range(5))
def test_quiet_weeks_have_no_findings(seed: int) -> None:
    assert not [judgement.findings for judgement in judge_arrivals(weeks(30, seed=seed), DEFAULT) if judgement.findings]


@pytest.mark.parametrize(
    ("changed", "measure", "severity"),
    [
        ({"no_op": 0.6}, Measure.NO_OP_PROGRAMS, Severity.ERROR),
        ({"truncated": 0.08}, Measure.TRUNCATED_PROGRAMS, Severity.WARN),
        ({"drop": 0.5}, Measure.DROPPED_DOCUMENTS, Severity.ERROR),
        ({"shift": 3}, Measure.RETENTION, Severity.ERROR),
        ({"german": 0.4}, Measure.LANGUAGE_MIX, Severity.WARN),
    ],
)
def test_a_fault_is_found_in_its_first_week(changed: dict[str, Any], measure: Measure, severity: Severity) -> None:
    finding = found([*weeks(20), week(20, **changed)])[measure]
    assert (finding.severity, finding.since, finding.shards) == (severity, "week-20", ("week-20",))
    assert abs(finding.value) >= finding.threshold


def test_a_finding_says_what_moved_by_how_much_since_when_and_where_to_look() -> None:
    finding = found([*weeks(20), *(week(number, no_op=0.6) for number in (20, 21, 22))])[Measure.NO_OP_PROGRAMS]
    assert finding.baseline == pytest.approx(0.1, abs=0.03)
    assert finding.current == pytest.approx(0.6, abs=0.06)
    assert finding.since == "week-20"
    assert finding.shards == ("week-20", "week-21", "week-22")
    for part in ("No-op programs", "points", "since week-20 (3 shards)"):
        assert part in finding.message
    assert "week-22" in finding.examples


def test_a_fault_that_lasts_can_be_told_never_to_become_normal() -> None:
    rows = [*weeks(15), *(week(number, no_op=0.6) for number in range(15, 60))]
    assert found(rows, DriftSettings(adopt_after=None))[Measure.NO_OP_PROGRAMS].since == "week-15"


def test_a_change_that_nobody_acts_on_becomes_the_baseline_and_its_end_is_a_finding_again() -> None:
    rows = [*weeks(15), *(week(number, no_op=0.6) for number in range(15, 30)), week(30)]
    alarmed = [
        judgement.shard
        for judgement in judge_arrivals(rows, DEFAULT)
        if Measure.NO_OP_PROGRAMS in {finding.measure for finding in judgement.findings}
    ]
    assert alarmed == [f"week-{number}" for number in (*range(15, 23), 30)]


def test_a_judgement_says_which_shards_each_measure_was_compared_over() -> None:
    rows = [*weeks(12), *(week(number, no_op=0.6) for number in range(12, 26))]
    *_, after = judge_arrivals(rows, DEFAULT)
    [adopting] = [one for one in judge_arrivals(rows, DEFAULT) if one.shard == "week-19"]
    old, new = (tuple(f"week-{number:02}" for number in range(*ends)) for ends in ((0, 12), (13, 25)))
    assert adopting.compared[Measure.NO_OP_PROGRAMS].baseline == old
    assert after.compared[Measure.NO_OP_PROGRAMS].baseline == new
    assert after.compared[Measure.NO_OP_PROGRAMS].judged == ("week-25",)
    assert set(after.compared) == set(Measure)


def test_programs_without_verdicts_say_nothing_about_failures() -> None:
    unknown = {"programs_failed": None, "programs_executed": None, "programs_no_op": None}
    rows = [{**row, **unknown} if number % 2 else row for number, row in enumerate(weeks(20))]
    *_, known, latest = judge_arrivals(rows, DEFAULT)
    assert {Measure.FAILED_PROGRAMS, Measure.NO_OP_PROGRAMS} <= set(known.judged)
    assert not {Measure.FAILED_PROGRAMS, Measure.NO_OP_PROGRAMS} & set(latest.judged)
    assert latest.findings == ()


def test_a_change_that_is_accepted_makes_a_new_baseline() -> None:
    rows = [*weeks(15), *(week(number, no_op=0.6) for number in range(15, 30))]
    assert not found(rows, DriftSettings(accepted_from="week-15"))
    back = week(30)
    assert found([*rows, back], DriftSettings(accepted_from="week-15"))[Measure.NO_OP_PROGRAMS].value < 0


def test_shards_can_be_pinned_as_the_baseline() -> None:
    rows = [week(number, no_op=0.6) if number >= 10 else week(number) for number in range(30)]
    pinned = DriftSettings(pinned_baseline=tuple(f"week-{number:02}" for number in range(20, 28)))
    judged = {judgement.shard: judgement for judgement in judge_arrivals(rows, pinned)}
    assert not {"week-20", "week-27"} & judged.keys()
    assert not judged["week-29"].findings
    assert Measure.NO_OP_PROGRAMS in {finding.measure for finding in judged["week-00"].findings}


def test_a_run_that_ended_does_not_count_into_the_next() -> None:
    rows = [*weeks(15), week(15, no_op=0.6), week(16), week(17, no_op=0.6)]
    assert found(rows)[Measure.NO_OP_PROGRAMS].since == "week-17"


def test_a_large_effect_on_a_tiny_shard_does_not_alarm() -> None:
    """A fifth of five programs is one program."""
    row = week(20, documents=6)
    row |= {"programs_truncated": 1, "programs_no_op": 2, "dropped_by_document": 2}
    assert not found([*weeks(20), row])


def test_a_tiny_effect_on_a_large_shard_does_not_alarm() -> None:
    """Half a point more no-ops in 20,000 programs is significant, and does not matter."""
    row = {**week(30), "programs_executed": 200_000, "programs_no_op": 21_000}
    rows = [
        {**item, "programs_executed": 200_000, "programs_no_op": 20_000 + number}
        for number, item in enumerate(weeks(30))
    ]
    assert not found([*rows, row])


def test_fewer_bad_things_are_no_finding() -> None:
    rows = [{**row, "programs_truncated": row["chunks"] // 3} for row in weeks(20)]
    assert not found([*rows, week(20)])


def test_a_spread_that_the_baseline_has_itself_does_not_alarm() -> None:
    """Where rates swing between 10 % and 40 % from week to week, 45 % is no surprise; in a steady corpus it is."""
    swinging = [week(number, no_op=0.1 + 0.3 * (number % 3) / 2) for number in range(20)]
    assert Measure.NO_OP_PROGRAMS not in found([*swinging, week(20, no_op=0.45)])
    assert Measure.NO_OP_PROGRAMS in found([*weeks(20), week(20, no_op=0.45)])


def test_another_tokenizer_is_found() -> None:
    row = week(20)
    row["doc_prompted"] = {**row["doc_prompted"], "tokens": int(row["doc_prompted"]["tokens"] * 1.12)}
    finding = found([*weeks(20), row])[Measure.DOC_TOKENS_PER_CHARACTER]
    assert finding.value == pytest.approx(0.12, abs=0.01)
    assert finding.severity is Severity.ERROR


def test_columns_that_come_and_go_are_findings() -> None:
    row = {**week(20), "metadata_keys": ["language", "\x1b[31mevil"], "keep_probability_histogram": None}
    finding = found([*weeks(20), row])[Measure.SCHEMA]
    assert finding.value == 3
    for part in ("timestamp is gone", "keep_probability_histogram is gone", "evil is new"):
        assert part in finding.message
    assert "\x1b" not in finding.message


def test_a_language_that_was_never_seen_is_found() -> None:
    row = week(20)
    row["documents_by_language"] = [{"language": "english", "count": 300}, {"language": "cyrillic", "count": 100}]
    assert "cyrillic 0.0% to 25.0%" in found([*weeks(20), row])[Measure.LANGUAGE_MIX].message


def test_a_refiner_that_changed_with_the_shard_is_named() -> None:
    rows = [*weeks(20), week(20, no_op=0.6) | {"chunk_refiner": "f" * 32}]
    assert "chunk refiner (now ffffffff)" in found(rows)[Measure.NO_OP_PROGRAMS].message


def test_nothing_is_judged_before_there_is_a_baseline() -> None:
    rows = [*weeks(DEFAULT.min_baseline_shards - 1), week(50, no_op=1.0)]
    assert not found(rows)
    assert judge_arrivals([], DEFAULT) == []


def test_rows_of_an_earlier_release_are_passed_over() -> None:
    """They lack the watched columns: what can be judged without them is, the rest begins with the first new row."""
    watched = ("retention_histogram", "programs_no_op", "documents_by_language", "repetition_lines", "metadata_keys")
    old = [{**row, **dict.fromkeys(watched)} for row in weeks(20)]
    assert not found([*old, week(20, no_op=0.9)]).keys() & {Measure.NO_OP_PROGRAMS}
    assert Measure.DROPPED_DOCUMENTS in found([*old, week(20, drop=0.5)])


def test_a_shard_without_documents_is_passed_over() -> None:
    empty = dict.fromkeys(week(20), 0) | {"corpus": "web", "shard": "empty", "metadata_keys": []}
    empty |= {name: [0] * len(value) for name, value in week(0).items() if name.endswith("_histogram")}
    empty |= {"documents_by_language": [], "doc_prompted": None, "chunk_prompted": None}
    assert not found([*weeks(20), empty])
    faulty = [week(20, no_op=0.6), empty, week(22, no_op=0.6)]
    assert found([*weeks(20), *faulty])[Measure.NO_OP_PROGRAMS].shards == ("week-20", "week-22")


def test_judging_several_shards_together_finds_what_one_is_too_small_for() -> None:
    rows = [*weeks(20), *(week(number, documents=30, truncated=0.1, seed=3) for number in range(20, 28))]
    assert Measure.TRUNCATED_PROGRAMS in found(rows, DriftSettings(judged_shards=8))


@settings(max_examples=8)
@given(faulty=st.sets(st.integers(10, 24), max_size=6), cut=st.integers(1, 25))
def test_later_shards_never_change_an_earlier_verdict(faulty: set[int], cut: int) -> None:
    rows = [week(number, no_op=0.5 if number in faulty else 0.1) for number in range(25)]
    assert judge_arrivals(rows[:cut], DEFAULT) == judge_arrivals(rows, DEFAULT)[:cut]


def test_thresholds_can_be_set_in_part() -> None:
    chosen = DriftSettings.model_validate({"thresholds": {"no_op_programs": {"error": 0.9}}})
    assert chosen.threshold(Measure.NO_OP_PROGRAMS) == Threshold(warn=0.1, error=0.9)
    assert found([*weeks(20), week(20, no_op=0.6)], chosen)[Measure.NO_OP_PROGRAMS].severity is Severity.WARN
    off = DriftSettings.model_validate({"thresholds": {"no_op_programs": {"enabled": False}}})
    assert Measure.NO_OP_PROGRAMS not in found([*weeks(20), week(20, no_op=0.6)], off)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"thresholds": {"colour": {}}}, "colour"),
        ({"thresholds": {"retention": {"warn": 0.5, "error": 0.1}}}, "at least warn"),
        ({"thresholds": {"retention": {"warn": 0.5}}}, "at least warn"),
        ({"baseline_shards": 3}, "min_baseline_shards"),
        ({"adopt_after": 2}, "adopt_after"),
        ({"pinned_baseline": ["a", "a", "b"]}, "min_baseline_shards"),
        ({"pinned_baseline": list("abcdef"), "accepted_from": "a"}, "exclude each other"),
        ({"false_alarm_probability": 0}, "false_alarm_probability"),
        ({"windows": 3}, "windows"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DriftSettings.model_validate(values)


@pytest.mark.parametrize(
    "chosen", [DriftSettings(accepted_from="week-99"), DriftSettings(pinned_baseline=tuple(f"p{n}" for n in range(8)))]
)
def test_settings_that_name_unknown_shards_are_refused_with_the_remedy(chosen: DriftSettings) -> None:
    with pytest.raises(DriftError, match="materialize quality_metrics"):
        judge_arrivals(weeks(10), chosen)
