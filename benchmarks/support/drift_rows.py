"""Shard metrics of simulated years, cached on disk so that settings can be tried without simulating again."""

import copy
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.drift_days import DAYS, DAYS_A_WEEK, DailyCorpus
from benchmarks.support.drift_world import CORPORA, CorpusKind
from benchmarks.support.drift_year import Episode, episodes, year_of_metrics
from prox_assets.monitoring.drift.readings import Histogram, Level, Rate, reading
from prox_assets.monitoring.drift.settings import DEFAULT_THRESHOLDS, Measure
from prox_assets.monitoring.drift.statistics import psi

TRUTH_DOCUMENTS = 20_000
"""With so many pages, with and without a fault, chance hardly moves a measure."""


@dataclass(frozen=True)
class Year:
    """One corpus over a year.

    Attributes:
        seed: Seed of the year.
        corpus: Name of the corpus.
        documents: Pages of a normal shard; 0 for the corpus's own number.
        rows: Rows of `shard_metrics`, one per shard.
        moved: For each fault, the measures that it moves by more than their thresholds in very large shards.
    """

    seed: int
    corpus: str
    documents: int
    rows: list[dict[str, Any]]
    moved: list[list[Measure]]


def simulated_days(seeds: Sequence[int], documents: int, folder: Path, processes: int) -> Iterator[Year]:
    """Yield years of daily shards with this many pages, read from the folder if cached there."""
    return _years([(seed, number, documents, folder) for seed in seeds for number in range(len(CORPORA))], processes)


def simulated_weeks(seeds: Sequence[int], folder: Path, processes: int) -> Iterator[Year]:
    """Yield years of weekly shards that went through the platform's own code, read from the folder if cached there."""
    return _years([(seed, number, 0, folder) for seed in seeds for number in range(len(CORPORA))], processes)


def _years(jobs: list[tuple[int, int, int, Path]], processes: int) -> Iterator[Year]:
    if processes == 1:
        yield from map(_year, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_year, jobs)


def _year(job: tuple[int, int, int, Path]) -> Year:
    seed, number, documents, folder = job
    kind = CORPORA[number]
    path = folder / f"{seed}-{kind.name}-{documents}.json"
    if not path.exists():
        year = _daily(seed, kind, documents) if documents else _weekly(seed, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(asdict(year)))
        unfinished.replace(path)
    return Year(**json.loads(path.read_text()))


def _weekly(seed: int, kind: CorpusKind) -> Year:
    faults = episodes(seed)[kind.name]
    return Year(seed, kind.name, 0, year_of_metrics(seed, kind), [list(Measure) for _ in faults])


def _daily(seed: int, kind: CorpusKind, documents: int) -> Year:
    corpus, faults = DailyCorpus(kind, seed, documents), episodes(seed)[kind.name]
    rows, moved = [], []
    for day in range(DAYS):
        now = next((episode for episode in faults if episode.active(day // DAYS_A_WEEK)), None)
        if now is None:
            rows.append(corpus.day(day))
            continue
        if day == now.start * DAYS_A_WEEK:
            moved.append(_moved(corpus, day, now))
        rows.append(corpus.day(day, now.refiner, now.new_site, now.language))
    return Year(seed, kind.name, documents, rows, moved)


def _moved(corpus: DailyCorpus, day: int, fault: Episode) -> list[Measure]:
    """Return the measures that a fault moves by more than their thresholds, chance aside."""
    large = corpus.resized(TRUTH_DOCUMENTS)
    before, after = copy.deepcopy(large).day(day), large.day(day, fault.refiner, fault.new_site, fault.language)
    return [
        measure for measure in Measure if _effect(measure, before, after) >= (DEFAULT_THRESHOLDS[measure].warn or 0)
    ]


def _effect(measure: Measure, before: dict[str, Any], after: dict[str, Any]) -> float:
    match reading(measure, [before]), reading(measure, [after]):
        case Rate() as then, Rate() as now:
            return abs(now.value - then.value)
        case Level() as then, Level() as now:
            return abs(now.value / then.value - 1)
        case Histogram() as then, Histogram() as now:
            names = {*then.counts, *now.counts}
            return psi([now.counts.get(name, 0) for name in names], [then.counts.get(name, 0) for name in names])
        case _:
            return -1.0
