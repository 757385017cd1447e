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
from prox_assets.refiners.calibration import Calibration, calibrated_chunks, calibrated_documents
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import REGIMES, LabelledPage
from prox_assets.training.data.tables import write_json
from prox_assets.training.evaluation.calibration import Prediction, fit_calibration, line_predictions
from prox_assets.training.evaluation.evaluate import (
    NO_FLOOR,
    LabelledDocument,
    chunk_programs,
    document_programs,
    measure_chunks,
    measure_documents,
)

RESULT = "development.json"
THRESHOLDS = tuple(step / 20 for step in range(2, 15))


@dataclass(frozen=True, slots=True)
class CheckpointResult:
    """The results of a checkpoint on development pages.

    Attributes:
        step: Optimiser steps of its training so far.
        score: The number that checkpoints are compared by: F1 of removed lines (programs), mean page word F1 over both
            regimes under `expected_f1` (scored lines), or mean F1 of keeping and dropping (documents).
        threshold: The threshold on P(keep) that is best under `line_decision: threshold`; None for programs and for
            documents.
        measures: Measurements by name.
        calibration: Fields of the Calibration that suits its probabilities; None for programs, or with too few pages.
    """

    step: int
    score: float
    threshold: float | None
    measures: dict[str, float]
    calibration: dict[str, float] | None = None


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
    calibration = fit_calibration(
        predictions for regime in REGIMES for predictions in line_predictions(shown[regime], regime, programs[regime])
    )
    programs = {regime: list(calibrated_chunks(programs[regime], calibration)) for regime in REGIMES}

    def measured(own: ExecutionPolicy) -> dict[str, float]:
        full, main = (measure_chunks(shown[regime], regime, programs[regime], own) for regime in REGIMES)
        return {"word_f1": full.word_f1, "word_f1_main": main.word_f1, "removed_line_f1": full.removed.f1}

    def score(measures: dict[str, float]) -> float:
        return (measures["word_f1"] + measures["word_f1_main"]) / 2

    best = max(THRESHOLDS, key=lambda threshold: score(measured(policy.with_settings(line_keep_threshold=threshold))))
    measures = measured(policy.with_settings(line_decision="expected_f1"))
    return CheckpointResult(0, score(measures), best, measures, _fields(calibration))


def judge_documents(config: RefinerConfig, documents: Sequence[LabelledDocument], folder: Path) -> CheckpointResult:
    """Judge a checkpoint of a document refiner on development documents; the threshold on P(keep) stays at 0.5."""
    with _open(config, folder) as session:
        programs = document_programs(session.document_refiner(), [document.text for document in documents])
    calibration = fit_calibration(
        [Prediction(answer.keep_probability, document.keep)]
        for document, answer in zip(documents, programs, strict=True)
        if answer.keep_probability is not None
    )
    result = measure_documents(documents, list(calibrated_documents(programs, calibration)), ExecutionPolicy())
    measures = {"keep_f1": result.keep.f1, "drop_f1": result.drop.f1}
    return CheckpointResult(0, result.macro_f1, None, measures, _fields(calibration))


def _fields(calibration: Calibration | None) -> dict[str, float] | None:
    return None if calibration is None else calibration.model_dump()


@contextmanager
def _open(config: RefinerConfig, folder: Path) -> Iterator[RefinerSession]:
    """Open a session without a probe, because a checkpoint may be a bad one, and without what is not known yet.

    Of an adapter only its files stay.
    """
    update = {"model": str(folder), "revision": None, "probe": False, "calibration": None, "trained_scripts": None}
    own = config.model_copy(update=update)
    try:
        with RefinerSession(own, config.level, TransformersEngineConfig()) as session:
            yield session
    finally:
        if is_adapter(folder):
            forget_merged_model(folder)
