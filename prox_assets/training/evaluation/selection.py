"""Chooses the best checkpoint and its threshold on development pages.

Checkpoints are tried with the same code that refines corpora.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.adapter.format import is_adapter
from prox_assets.refiners.adapter.merging import forget_merged_model
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import REGIMES, LabelledPage
from prox_assets.training.data.tables import write_json
from prox_assets.training.evaluation.evaluate import (
    NO_FLOOR,
    LabelledDocument,
    chunk_programs,
    evaluate_documents,
    measure_chunks,
)

RESULT = "development.json"
THRESHOLDS = tuple(step / 20 for step in range(2, 15))


@dataclass(frozen=True, slots=True)
class CheckpointResult:
    """The results of a checkpoint on development pages.

    Attributes:
        step: Optimiser steps of its training so far.
        score: The number that checkpoints are compared by: F1 of removed lines (programs), mean page word F1 over both
            regimes (scored lines), or mean F1 of keeping and dropping (documents).
        threshold: The threshold on P(keep) that scores best; None for programs and for documents.
        measures: Measurements by name.
    """

    step: int
    score: float
    threshold: float | None
    measures: dict[str, float]


def choose_checkpoint(
    checkpoints: dict[int, Path], judge: Callable[[Path], CheckpointResult] | None
) -> tuple[CheckpointResult, list[CheckpointResult]]:
    """Return the best checkpoint and the results of all, in order of steps.

    Each result is stored in its checkpoint's folder, so that a resumed run does not judge that checkpoint again.

    Args:
        checkpoints: Model folders by step; at least one.
        judge: Judges one checkpoint; the step is filled in here. Without a judge the last checkpoint is the best.
    """
    if judge is None:
        last = CheckpointResult(max(checkpoints), 0.0, None, {})
        return last, [last]
    results: list[CheckpointResult] = []
    for step, folder in sorted(checkpoints.items()):
        file = folder / RESULT
        if not file.is_file():
            write_json(file, asdict(replace(judge(folder), step=step)))
        results.append(CheckpointResult(**json.loads(file.read_text(encoding="utf-8"))))
    return max(results, key=lambda result: result.score), results


def judge_chunks(config: RefinerConfig, pages: Sequence[LabelledPage], folder: Path) -> CheckpointResult:
    """Judge a checkpoint of a chunk refiner on development pages; its step is left at 0."""
    policy = ExecutionPolicy(dialect=config.dialect, line_numbers=config.line_numbers, **NO_FLOOR)
    shown = {regime: [page for page in pages if page.text(regime).strip()] for regime in REGIMES}
    with _open(config, folder) as session:
        refiner = session.chunk_refiner()
        programs = {
            regime: chunk_programs(refiner, [page.text(regime) for page in shown[regime]]) for regime in REGIMES
        }
    if config.decoding != "score":
        full = measure_chunks(shown["text_full"], "text_full", programs["text_full"], policy)
        measures = {"word_f1": full.word_f1, "removed_line_f1": full.removed.f1}
        return CheckpointResult(0, full.removed.f1, None, measures)
    trials: list[CheckpointResult] = []
    for threshold in THRESHOLDS:
        own = replace(policy, line_keep_threshold=threshold)
        full, main = (measure_chunks(shown[regime], regime, programs[regime], own) for regime in REGIMES)
        measures = {"word_f1": full.word_f1, "word_f1_main": main.word_f1, "removed_line_f1": full.removed.f1}
        trials.append(CheckpointResult(0, (full.word_f1 + main.word_f1) / 2, threshold, measures))
    return max(trials, key=lambda trial: trial.score)


def judge_documents(config: RefinerConfig, documents: Sequence[LabelledDocument], folder: Path) -> CheckpointResult:
    """Judge a checkpoint of a document refiner on development documents; the threshold on P(keep) stays at 0.5."""
    with _open(config, folder) as session:
        result = evaluate_documents(session.document_refiner(), documents, ExecutionPolicy())
    measures = {"keep_f1": result.keep.f1, "drop_f1": result.drop.f1}
    return CheckpointResult(0, result.macro_f1, None, measures)


@contextmanager
def _open(config: RefinerConfig, folder: Path) -> Iterator[RefinerSession]:
    """Open a session without a probe, because a checkpoint may be a bad one; of an adapter only its files stay."""
    own = config.model_copy(update={"model": str(folder), "revision": None, "probe": False})
    try:
        with RefinerSession(own, config.level, TransformersEngineConfig()) as session:
            yield session
    finally:
        if is_adapter(folder):
            forget_merged_model(folder)
