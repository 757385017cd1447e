"""The counted days of `drift_simulation` against the same world as text, put through the platform's own code."""

from statistics import fmean
from typing import Any

import pytest

from benchmarks.support.drift_days import DailyCorpus
from benchmarks.support.drift_refiner import RefinerFault
from benchmarks.support.drift_world import CORPORA
from benchmarks.support.drift_year import year_of_metrics
from prox_assets.monitoring.drift.messages import summary
from prox_assets.monitoring.drift.readings import reading
from prox_assets.monitoring.drift.settings import KINDS, Kind, Measure

NEWS = CORPORA[2]
DAYS = 6


def means(rows: list[dict[str, Any]]) -> dict[Measure, float]:
    levels = {
        measure: [summary(measure, read) for row in rows if (read := reading(measure, [row]))] for measure in Measure
    }
    return {measure: fmean(told) for measure, of in levels.items() if (told := [one for one in of if one is not None])}


@pytest.fixture(scope="module")
def through_the_code() -> dict[Measure, float]:
    return means([row for seed in (1, 2, 3) for row in year_of_metrics(seed, NEWS, 2)])


@pytest.fixture(scope="module")
def counted() -> dict[Measure, float]:
    corpora = [DailyCorpus(NEWS, seed, NEWS.documents) for seed in (1, 2, 3, 4)]
    return means([corpus.day(day) for corpus in corpora for day in range(DAYS)])


def test_counted_days_look_like_those_that_went_through_the_code(
    through_the_code: dict[Measure, float], counted: dict[Measure, float]
) -> None:
    assert counted.keys() == through_the_code.keys()
    for measure, level in through_the_code.items():
        if KINDS[measure] is Kind.LEVEL:
            assert counted[measure] == pytest.approx(level, rel=0.05)
        else:
            assert counted[measure] == pytest.approx(level, abs=0.08)


@pytest.mark.parametrize(
    ("fault", "measure", "least"),
    [
        (RefinerFault(no_op=0.5), Measure.NO_OP_PROGRAMS, 0.4),
        (RefinerFault(truncated=0.2), Measure.TRUNCATED_PROGRAMS, 0.15),
        (RefinerFault(drop_logit=2.0), Measure.DROPPED_DOCUMENTS, 0.2),
        (RefinerFault(content_removed=0.5), Measure.REMOVED_FRACTION, 0.3),
        (RefinerFault(tokenizer=True), Measure.DOC_TOKENS_PER_CHARACTER, 0.015),
    ],
)
def test_a_fault_moves_what_it_should(
    counted: dict[Measure, float], fault: RefinerFault, measure: Measure, least: float
) -> None:
    corpus = DailyCorpus(NEWS, 1, 2_000)
    assert means([corpus.day(0, fault)])[measure] - counted[measure] > least
