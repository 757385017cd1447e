"""What is found in shards of any size: a total collapse always, and together what is too weak for one shard."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prox_assets.monitoring.drift.judge import judge_arrivals, nothing_judged
from prox_assets.monitoring.drift.settings import DriftSettings, Measure, Severity
from prox_assets.monitoring.drift.windows import Windows
from prox_assets_tests.monitoring.metric_rows import week, weeks

DEFAULT = DriftSettings()
FEWEST_DOCUMENTS = 12
"""docs/drift.md: where up to three documents in ten are dropped, chance does not drop 12 of 12."""

COLLAPSES: dict[str, tuple[dict[str, Any], set[Measure]]] = {
    "everything dropped": (
        {"dropped_by_document": 1, "retention_histogram": 0, "keep_probability_histogram": 0, "chunks": 0},
        {Measure.DROPPED_DOCUMENTS, Measure.RETENTION, Measure.KEEP_PROBABILITY},
    ),
    "all programs fail": ({"programs_failed": 1}, {Measure.FAILED_PROGRAMS}),
    "all programs are cut off": ({"programs_truncated": 1}, {Measure.TRUNCATED_PROGRAMS}),
    "all programs loop": ({"programs_looping": 1}, {Measure.LOOPING_PROGRAMS}),
    "nothing is edited": (
        {"programs_no_op": 1, "retention_histogram": 19, "operations_histogram": 0},
        {Measure.NO_OP_PROGRAMS, Measure.RETENTION, Measure.OPERATIONS_PER_DOCUMENT},
    ),
    "everything quarantined": ({"quarantined": 1}, {Measure.QUARANTINED_DOCUMENTS}),
    "all documents nearly emptied": ({"documents_over_deleted": 1}, {Measure.OVER_DELETION}),
    "all rows rejected": ({"rows_rejected": 1, "documents_in": 0}, {Measure.REJECTED_ROWS}),
}


def collapsed(row: dict[str, Any], changes: dict[str, int]) -> dict[str, Any]:
    """Return a row in which all documents or programs are counted (1) or none (0), or all are in one bin."""
    documents = row["documents_in"]
    of = {"programs_failed": row["chunks"], "programs_truncated": row["chunks"], "programs_looping": row["chunks"]}
    of |= {"programs_no_op": row["programs_executed"], "documents_over_deleted": row["documents_executed"]}
    changed: dict[str, Any] = {}
    for name, value in changes.items():
        if name.endswith("_histogram"):
            changed[name] = [documents if number == value else 0 for number in range(len(row[name]))]
        else:
            changed[name] = value * of.get(name, documents)
    return row | changed


@settings(max_examples=60)
@given(
    what=st.sampled_from(sorted(COLLAPSES)),
    documents=st.one_of(st.integers(FEWEST_DOCUMENTS, 100), st.sampled_from([400, 3_000])),
    before=st.integers(DEFAULT.min_baseline_shards, 30),
    drop=st.sampled_from([0.0, 0.02, 0.15, 0.3]),
    seed=st.integers(0, 1_000),
)
@example(what="everything dropped", documents=40, before=12, drop=0.15, seed=0)
@example(what="everything dropped", documents=FEWEST_DOCUMENTS, before=6, drop=0.3, seed=0)
def test_a_shard_that_collapses_is_an_error_at_every_size(
    what: str, documents: int, before: int, drop: float, seed: int
) -> None:
    rows = weeks(before, documents=documents, drop=drop, seed=seed)
    changes, signs = COLLAPSES[what]
    latest = judge_arrivals([*rows, collapsed(week(before, documents, seed, drop=drop), changes)], DEFAULT)[-1]
    found = {finding.measure: finding for finding in latest.findings}
    assert found.keys() >= signs
    for measure in signs:
        assert found[measure].severity is Severity.ERROR
        assert found[measure].since == f"week-{before:02}"


@pytest.mark.parametrize("drop", [0.85, 0.9, 0.97])
def test_dropping_everything_is_found_where_most_is_always_dropped(drop: float) -> None:
    """The threshold alone, fifteen points, lies beyond what can happen there."""
    rows = weeks(20, documents=1_000, drop=drop)
    everything = collapsed(week(20, 1_000), {"dropped_by_document": 1})
    found = {finding.measure: finding for finding in judge_arrivals([*rows, everything], DEFAULT)[-1].findings}
    assert found[Measure.DROPPED_DOCUMENTS].severity is Severity.ERROR
    assert found[Measure.DROPPED_DOCUMENTS].threshold <= 1 - drop + 0.02


@settings(max_examples=30)
@given(
    documents=st.integers(1, 60),
    before=st.integers(6, 40),
    drop=st.sampled_from([0.0, 0.3, 0.9]),
    seed=st.integers(0, 99),
)
def test_no_limit_of_a_rate_lies_beyond_what_can_happen(documents: int, before: int, drop: float, seed: int) -> None:
    rows = weeks(before + 1, documents=documents, drop=drop, seed=seed)
    for gauge in judge_arrivals(rows, DEFAULT)[-1].gauges:
        assert gauge.limit > 0
        if gauge.statistic == "change of rate" and gauge.baseline is not None:
            reachable = 1 - gauge.baseline if gauge.limit <= 1 - gauge.baseline + 1e-12 else gauge.baseline
            assert gauge.limit <= reachable + 1e-12


def test_a_shard_that_varies_as_its_baseline_does_has_not_collapsed() -> None:
    """Where every third shard loses everything, one more that does is nothing new."""
    rows = weeks(30, documents=40)
    lost = COLLAPSES["everything dropped"][0]
    rows = [collapsed(row, lost) if number % 3 == 0 else row for number, row in enumerate(rows)]
    judged = judge_arrivals([*rows, collapsed(week(30, 40), lost)], DriftSettings(adopt_after=None))
    first = [one for one in judged if one.shard == "week-06"]
    assert Measure.DROPPED_DOCUMENTS not in {finding.measure for one in first for finding in one.findings}


def test_tiny_shards_that_collapse_are_found_within_a_week() -> None:
    """Three documents prove nothing; those of a week do."""
    lost = COLLAPSES["everything dropped"][0]
    rows = [*weeks(40, documents=3, drop=0.3), *(collapsed(week(day, 3), lost) for day in range(40, 47))]
    judgements = judge_arrivals(rows, DEFAULT)
    assert Measure.DROPPED_DOCUMENTS not in {finding.measure for finding in judgements[40].findings}
    found = {finding.measure: finding for finding in judgements[46].findings}
    assert found[Measure.DROPPED_DOCUMENTS].severity is Severity.ERROR
    assert "judged over the last 7 shards" in found[Measure.DROPPED_DOCUMENTS].message


def test_what_is_too_weak_for_one_small_shard_is_found_in_several() -> None:
    rows = [*weeks(90, documents=40), *(week(day, documents=40, no_op=0.4) for day in range(90, 97))]
    judgements = judge_arrivals(rows, DEFAULT)
    assert Measure.NO_OP_PROGRAMS in {finding.measure for finding in judgements[96].findings}
    assert not judge_arrivals(rows, DriftSettings(judged_shards=1))[90].findings
    [gauge] = [gauge for gauge in judgements[96].gauges if gauge.measure is Measure.NO_OP_PROGRAMS]
    assert gauge.shards > 1
    assert gauge.share_of_limit >= 1


def test_shards_too_small_to_tell_anything_are_not_judged() -> None:
    rows = [{**row, "metadata_keys": None} for row in weeks(8, documents=1, drop=0.5)]
    latest = judge_arrivals(rows, DriftSettings(judged_shards=1))
    assert Measure.DROPPED_DOCUMENTS not in latest[-1].judged
    assert "too few documents" in (nothing_judged(latest, DEFAULT) or "")


@pytest.mark.parametrize(
    ("documents", "window", "baseline"),
    [
        ([400] * 20, range(19, 20), range(7, 19)),
        ([10_000] * 20, range(19, 20), range(7, 19)),
        ([200] * 60, range(58, 60), range(34, 58)),
        ([40] * 120, range(113, 120), range(29, 113)),
        ([40] * 10, range(6, 10), range(6)),  # a baseline comes first
        ([40] * 6, range(5, 6), range(5)),
        ([*[40] * 30, 900], range(30, 31), range(30)),
        ([*[900] * 30, 40], range(29, 31), range(17, 29)),
    ],
)
def test_which_shards_are_judged_together_and_against_which(
    documents: list[int], window: range, baseline: range
) -> None:
    number = len(documents) - 1
    chosen = Windows(DEFAULT, documents).choose(number, 0, list(range(number)), None)
    assert (chosen[0], chosen[1]) == (window, list(baseline))


def test_what_is_judged_together_ends_at_a_shard_with_an_alarm_of_its_own() -> None:
    rows = [
        *weeks(30, documents=100),
        week(30, documents=100, no_op=1.0),
        *(week(day, documents=100) for day in (31, 32)),
    ]
    judged = judge_arrivals(rows, DEFAULT)[30:]
    assert [Measure.NO_OP_PROGRAMS in {finding.measure for finding in one.findings} for one in judged] == [
        True,
        False,
        False,
    ]


def test_the_level_before_an_adopted_change_needs_no_second_adoption() -> None:
    rows = [*weeks(15), *(week(number, no_op=0.6) for number in range(15, 30)), *(week(n) for n in range(30, 34))]
    alarmed = [
        judgement.shard
        for judgement in judge_arrivals(rows, DEFAULT)
        if Measure.NO_OP_PROGRAMS in {finding.measure for finding in judgement.findings}
    ]
    assert alarmed == [f"week-{number}" for number in (*range(15, 23), 30)]


@pytest.mark.parametrize(("documents", "found"), [(4, False), (40, True)])
def test_a_handful_of_documents_without_prompts_is_no_change_of_schema(documents: int, found: bool) -> None:
    row = week(30, documents=documents, drop=0.0) | {"doc_prompted": None}
    latest = judge_arrivals([*weeks(30, documents=40), row], DEFAULT)[-1]
    assert (Measure.SCHEMA in {finding.measure for finding in latest.findings}) is found


@pytest.mark.parametrize("documents", [3, 12, 40, 150])
@pytest.mark.parametrize("seed", range(3))
def test_quiet_small_shards_have_no_findings(documents: int, seed: int) -> None:
    judgements = judge_arrivals(weeks(60, documents=documents, seed=seed), DEFAULT)
    assert len(judgements[-1].judged) > 10
    assert [finding.measure for judgement in judgements for finding in judgement.findings] == []
