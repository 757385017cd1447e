"""The lab's training step for refiners of kind classifier: fits, judges on development pages, and publishes."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prox_assets.refiners.classifier.open import read_line_model, write_document_model, write_line_model
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.folder import save_refiner
from prox_assets.refiners.model.files import find_classifier
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.classifier.documents import fit_documents
from prox_assets.training.classifier.examples import FOLDS
from prox_assets.training.classifier.fit import ALL, fit_lines
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.data.scripts import pages_by_script, scripts_with_enough
from prox_assets.training.evaluation.selection import CheckpointResult, judge_chunks, judge_documents
from prox_assets.training.fit.trainer import Progress
from prox_assets.training.lab.runs import (
    begin_or_resume,
    development_documents,
    development_pages,
    identity,
    start_of,
    training_rows,
)
from prox_assets.training.lab.settings import LabFolder, LabPlan


def train_classifier(
    plan: LabPlan, folder: LabFolder, level: Level, progress: Progress | None = None
) -> dict[str, Any]:
    """Fit the level's classifier and publish it; finished steps of a killed run are not repeated.

    Classifiers get no calibration: trees that learn from scores of unseen sites are calibrated as they are (expected
    error .03 at both levels). One that was fitted on development pages, which have no clean texts among them, raised
    the damage to clean texts by a third.

    Returns:
        Numbers to display.

    Raises:
        RefinerError: There is no training set, too few sites in it, or no line classifier for the document level.
    """
    rows = training_rows(folder, level)
    work = folder.training(level)
    spec = plan.spec(level)
    fresh = folder.model(level).with_name(f".{level}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    if level == "chunk":
        begin_or_resume(work, identity(plan, folder, level, None))
        fitted = fit_lines(rows, spec.classifier_recipe, Steps(work, 2 * len(ALL), progress))
        for fold, model in enumerate(fitted.folds):
            write_line_model(model, _fold(folder, fold))
        write_line_model(fitted.model, fresh)
    else:
        start = start_of(plan, folder, level)
        begin_or_resume(work, identity(plan, folder, level, find_classifier(str(start)).weights_hash))
        folds = [read_line_model(_fold(folder, fold)) for fold in range(FOLDS)]
        fitted = fit_documents(
            rows, read_line_model(start), folds, spec.classifier_recipe, Steps(work, 2 + FOLDS, progress)
        )
        write_document_model(fitted, fresh)
    result = _judged(plan, spec.refiner, fresh)
    pages = pages_by_script(rows)
    shown = {
        "examples": len(rows),
        "development_score": result.score,
        "pages_by_script": dict(pages.most_common()),
        **{f"development_{name}": value for name, value in result.measures.items()},
    }
    finished = spec.refiner.model_copy(
        update={
            "trained_scripts": spec.refiner.trained_scripts or scripts_with_enough(pages),
        }
    )
    save_refiner(finished, fresh, {**shown, "recipe": spec.classifier_recipe.model_dump(mode="json")})
    shutil.rmtree(folder.model(level), ignore_errors=True)
    fresh.replace(folder.model(level))
    return {**shown, "curves": {"loss": [], "development": [asdict(result)]}}


def _fold(folder: LabFolder, fold: int) -> Path:
    """Return the folder of the line classifier that has not seen a fold."""
    return folder.training("chunk") / f"fold-{fold}"


def _judged(plan: LabPlan, config: RefinerConfig, folder: Path) -> CheckpointResult:
    pages = development_pages(plan)
    if not pages:
        return CheckpointResult(0, 0.0, None, {})
    if config.level == "chunk":
        return judge_chunks(config, pages, folder)
    return judge_documents(config, development_documents(plan), folder)
