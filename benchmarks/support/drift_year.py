"""Simulate one year of one corpus: a schedule of faults, and a row of shard metrics per week.

The schedule sets the start and strength of each fault. Each week's pages go through the same code as in `prox refine`:
raw file, documents, programs, executor, metrics.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.support.drift_refiner import NO_FAULT, RefinerFault, SimulatedRefiner, SimulatedSession
from benchmarks.support.drift_world import COMMON, CORPORA, WEEKS, CorpusKind, NewSite, SimulatedCorpus, SimulatedPage
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.metrics.shard_metrics import shard_metrics
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.presets import preset
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun

FIRST_FAULT = (16, 27)  # weeks, inclusive: the monitor needs a baseline first, and quiet weeks between faults
SECOND_FAULT = (35, 47)
FAULT_WEEKS = 4
RARE_LANGUAGE = 0.1


class Fault(StrEnum):
    """A kind of fault."""

    NO_OPS = "no-ops"
    DROPS_TOO_MUCH = "drops too much"
    TRUNCATION = "truncated answers"
    NEW_SITE = "new site's boilerplate"
    LANGUAGE_MIX = "language mix"
    TOKENIZER = "silent tokenizer change"


@dataclass(frozen=True)
class Episode:
    """A fault in one corpus, active for FAULT_WEEKS weeks.

    Attributes:
        fault: Its kind.
        start: First faulty week.
        refiner: How the refiner is broken.
        new_site: A site that appears.
        language: A language that gains pages, and the share of all pages it gains.
    """

    fault: Fault
    start: int
    refiner: RefinerFault = NO_FAULT
    new_site: NewSite | None = None
    language: tuple[str, float] | None = None

    def active(self, week: int) -> bool:
        """Return whether a week is faulty."""
        return self.start <= week < self.start + FAULT_WEEKS


def episodes(seed: int) -> dict[str, list[Episode]]:
    """Return a year's faults by corpus: two per corpus, each of the six kinds once, at random weeks and strengths."""
    rng = np.random.default_rng([seed, 99])
    order = [list(Fault)[number] for number in rng.permutation(len(Fault))]
    return {
        kind.name: [
            _episode(order[2 * number + turn], kind, int(rng.integers(first, last + 1)), rng)
            for turn, (first, last) in enumerate((FIRST_FAULT, SECOND_FAULT))
        ]
        for number, kind in enumerate(CORPORA)
    }


def _episode(fault: Fault, kind: CorpusKind, start: int, rng: np.random.Generator) -> Episode:
    match fault:
        case Fault.NO_OPS:
            return Episode(fault, start, RefinerFault(no_op=rng.uniform(0.3, 1.0)))
        case Fault.DROPS_TOO_MUCH if rng.random() < 0.5:
            return Episode(fault, start, RefinerFault(drop_logit=rng.uniform(1.0, 3.0)))
        case Fault.DROPS_TOO_MUCH:
            return Episode(fault, start, RefinerFault(content_removed=rng.uniform(0.2, 0.6)))
        case Fault.TRUNCATION:
            return Episode(fault, start, RefinerFault(truncated=rng.uniform(0.06, 0.4)))
        case Fault.NEW_SITE:
            return Episode(fault, start, new_site=NewSite(rng.uniform(0.1, 0.25), int(rng.integers(6, 16))))
        case Fault.LANGUAGE_MIX:
            rare = [name for name in COMMON if kind.languages.get(name, 0) <= RARE_LANGUAGE]
            language = str(rng.choice(rare))
            return Episode(fault, start, language=(language, rng.uniform(0.15, 0.4)))
        case Fault.TOKENIZER:
            return Episode(fault, start, RefinerFault(tokenizer=True))


def year_of_metrics(seed: int, kind: CorpusKind, number: int = WEEKS) -> list[dict[str, Any]]:
    """Return the shard_metrics rows of a corpus's first weeks, in order.

    Args:
        seed: Seed of the year.
        kind: The corpus.
        number: Number of weeks.
    """
    folder = Path(tempfile.mkdtemp(prefix="drift-"))
    try:
        corpus, faults = SimulatedCorpus(kind, seed), episodes(seed)[kind.name]
        weeks: list[list[SimulatedPage]] = []
        for week in range(number):
            now = next((episode for episode in faults if episode.active(week)), None)
            pages = corpus.week(week, now.new_site if now else None, now.language if now else None)
            _write(folder / "raw" / f"week-{week:02}.jsonl", pages)
            weeks.append(pages)
        lake = Lake(str(folder / "lake"))
        source = CorpusSource(name=kind.name, urls=[str(folder / "raw" / "*.jsonl")])
        # drift_days.py drops emptied pages too.
        plan = RefinementPlan(source=source, refiners=preset("rules"), policy=ExecutionPolicy(on_empty="drop"))
        rows = []
        for week, shard in enumerate(discover_shards(lake, plan, "simulation").shards):
            now = next((episode for episode in faults if episode.active(week)), None)
            fault = now.refiner if now else NO_FAULT
            refiner = SimulatedRefiner(weeks[week], fault, kind.scored, [seed, CORPORA.index(kind), week])
            rows.append(_metrics(ShardRun(lake, plan, shard.key, f"week-{week:02}"), refiner))
        return rows
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, pages: list[SimulatedPage]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"text": page.text, "url": page.url}, ensure_ascii=False) for page in pages)
    path.write_text("".join(f"{row}\n" for row in rows))


def _metrics(run: ShardRun, refiner: SimulatedRefiner) -> dict[str, Any]:
    read_raw_shard(run)
    write_document_programs(run, SimulatedSession("doc", refiner))
    write_chunk_programs(run, SimulatedSession("chunk", refiner))
    refine_shard(run)
    inference = {"doc_refiner": "simulated", "chunk_refiner": "simulated"}
    place = {"corpus": run.corpus, "shard": run.shard, "execution_fingerprint": run.plan.execution_fingerprint}
    # Like the asset, minus the rule-based signals, which drift monitoring ignores and which take half the time.
    return {**shard_metrics(ShardTables.of(run.lake, run.corpus, run.shard), signals=False), **inference, **place}
