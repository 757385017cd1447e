"""The lab's training step: trains one level's refiner from its training set and publishes the best checkpoint.

stages.py builds the training set, and training/fit/trainer.py does the run itself.
"""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from prox_assets.compute.parameters import NO_MODEL
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.devices import device_use, devices_of, lease_for_engine
from prox_assets.engines.extras import packages_of
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.compute import Attempt, lab_folder, record_attempt
from prox_assets.machine.processor import processor
from prox_assets.refiners.adapter.format import SETTINGS_FILE, TENSORS_FILE, is_adapter
from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import save_refiner
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.scripts import pages_by_script, scripts_with_enough
from prox_assets.training.data.tables import read_table, write_json
from prox_assets.training.evaluation.selection import CheckpointResult, choose_checkpoint, judge_chunks, judge_documents
from prox_assets.training.fit.adapter import adapter_files
from prox_assets.training.fit.program_training import prepare_programs
from prox_assets.training.fit.scored_training import prepare_scored
from prox_assets.training.fit.trainer import Progress, train
from prox_assets.training.lab.classifier import train_classifier
from prox_assets.training.lab.runs import (
    begin_or_resume,
    development_documents,
    development_pages,
    identity,
    only_run,
    start_of,
    training_rows,
)
from prox_assets.training.lab.settings import LabFolder, LabPlan

# Losses and development scores by step, written into the folder of a finished refiner.
CURVES = "curves.json"


def train_refiner(plan: LabPlan, folder: LabFolder, level: Level, progress: Progress | None = None) -> dict[str, Any]:
    """Train the level's refiner, choose the best checkpoint on development pages, and publish it to its folder.

    With the same recipe and the same examples, a run resumes from the newest checkpoint; otherwise it starts over.

    Returns:
        Numbers to display.

    Raises:
        RefinerError: The base or the training set is missing, the recipe does not fit the refiner, or another run is
            training in the folder.
        EngineStartError: The device cannot be leased.
    """
    spec = plan.spec(level)
    engine = TransformersEngineConfig(threads=spec.recipe.threads)
    with only_run(folder.level(level)), packages_of("lab", RefinerError):
        if spec.refiner.kind != "classifier":
            # One device, before torch looks for them: transformers' Trainer would spread the model over all it sees.
            lease_for_engine(devices_of(engine))
        account = record_attempt(
            Lake(str(folder.root)),
            lab_folder(plan.name),
            "training",
            level,
            run_id=None,
            model=spec.refiner.name,
            device=processor() if spec.refiner.kind == "classifier" else device_use(engine),
            parameters=NO_MODEL if spec.refiner.kind == "classifier" else None,
        )
        with account as attempt:
            if spec.refiner.kind == "classifier":
                return train_classifier(plan, folder, level, progress)
            return _train(plan, folder, level, progress, attempt)


def _train(
    plan: LabPlan, folder: LabFolder, level: Level, progress: Progress | None, account: Attempt
) -> dict[str, Any]:
    spec = plan.spec(level)
    base = _base(plan, folder, level)
    work = folder.training(level)
    rows = training_rows(folder, level)
    begin_or_resume(work, identity(plan, folder, level, None if base is None else find_model(str(base)).weights_hash))
    config = spec.refiner
    if config.decoding == "score" and config.dialect == "line-labels":
        spans = folder.span_examples()
        span_rows = list(read_table(spans)) if level == "chunk" and spans.is_file() else []
        setup = prepare_scored(config, spec.recipe, base, rows, span_rows, work)
    elif base is None and spec.recipe.adapter is None:
        raise RefinerError("A refiner that writes programs is not trained from scratch: set recipe.base or .adapter.")
    else:
        setup = prepare_programs(config, spec.recipe, base, rows, plan.seed, work)
    run = train(setup, spec.recipe, work, progress, account)
    if setup.adapter is not None:
        for checkpoint in run.checkpoints.values():
            adapter_files(checkpoint, setup.adapter, checkpoint)
    best, results = choose_checkpoint(run.checkpoints, _judge(plan, config, level))
    model = folder.model(level)
    pages = pages_by_script(rows)
    finished = config.model_copy(
        update={
            "keep_threshold": best.threshold,
            "trained_scripts": config.trained_scripts or scripts_with_enough(pages),
            "calibration": None if best.calibration is None else Calibration.model_validate(best.calibration),
        }
    )
    shown = {
        "steps": run.steps,
        "resumed_from": run.resumed_from,
        "examples": len(rows),
        "chosen_step": best.step,
        "development_score": best.score,
        "keep_threshold": best.threshold,
        "calibration": best.calibration,
        "pages_by_script": dict(pages.most_common()),
        **{f"development_{name}": value for name, value in best.measures.items()},
    }
    _publish(run.checkpoints[best.step], model, finished, {**shown, "recipe": spec.recipe.model_dump(mode="json")})
    curves = {"loss": run.losses, "development": [asdict(result) for result in results]}
    write_json(model / CURVES, curves)
    return {**shown, "curves": curves}


def _base(plan: LabPlan, folder: LabFolder, level: Level) -> Path | None:
    spec = plan.spec(level)
    if spec.start_from is not None:
        return start_of(plan, folder, level)
    return find_model(spec.recipe.base).path if spec.recipe.base is not None else None


def _judge(plan: LabPlan, config: RefinerConfig, level: Level) -> Callable[[Path], CheckpointResult] | None:
    """Return a judge of checkpoints; None without development pages."""
    pages = development_pages(plan)
    if not pages:
        return None
    if level == "chunk":
        return partial(judge_chunks, config, pages)
    return partial(judge_documents, config, development_documents(plan))


def _publish(checkpoint: Path, model: Path, config: RefinerConfig, training: dict[str, Any]) -> None:
    """Write model, tokenizer and configuration to the refiner's folder; the old folder is replaced at the end."""
    fresh = model.with_name(f".{model.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    if is_adapter(checkpoint):
        fresh.mkdir(parents=True)
        for name in (SETTINGS_FILE, TENSORS_FILE):
            shutil.copy(checkpoint / name, fresh / name)
    else:
        _save_whole(checkpoint, fresh)
    save_refiner(config, fresh, training)
    shutil.rmtree(model, ignore_errors=True)
    fresh.replace(model)


def _save_whole(checkpoint: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # bfloat16 halves the size, and changes results by less than the engines' own rounding; parity is tested.
    weights: Any = AutoModelForCausalLM.from_pretrained(
        checkpoint, dtype="bfloat16", use_safetensors=True, trust_remote_code=False
    )
    weights.save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=False).save_pretrained(folder)
