"""The lab's training step: trains one level's refiner from its training set and publishes the best checkpoint.

stages.py builds the training set, and training/fit/trainer.py does the run itself.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from prox_assets.engines.extras import packages_of
from prox_assets.refiners.adapter.format import SETTINGS_FILE, TENSORS_FILE, is_adapter
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import save_refiner
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.tables import read_table, write_json
from prox_assets.training.evaluation.evaluate import labelled_documents
from prox_assets.training.evaluation.selection import CheckpointResult, choose_checkpoint, judge_chunks, judge_documents
from prox_assets.training.fit.adapter import adapter_files
from prox_assets.training.fit.program_training import prepare_programs
from prox_assets.training.fit.scored_training import prepare_scored
from prox_assets.training.fit.trainer import Progress, train
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.stages import labelled_pages

IDENTITY = "identity.txt"
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
    """
    with _only_run(folder.level(level)), packages_of("lab", RefinerError):
        return _train(plan, folder, level, progress)


@contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    """Allow one training per folder: a second one would delete the first one's unfinished checkpoint as incomplete."""
    with (folder / "training.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefinerError(f"another run is training in {folder}; wait for it") from error
        yield


def _train(plan: LabPlan, folder: LabFolder, level: Level, progress: Progress | None) -> dict[str, Any]:
    spec = plan.spec(level)
    base = _base(plan, folder, level)
    work = folder.training(level)
    if not folder.training_set(level).is_file():
        raise RefinerError(f"There is no training set of level {level}: materialize {level}_training_set first.")
    rows = [row for row in read_table(folder.training_set(level)) if row["split"] == "train"]
    if not rows:
        raise RefinerError(f"The training set of level {level} has no examples in its train split.")
    _begin_or_resume(work, _identity(plan, folder, level, base))
    config = spec.refiner
    if config.decoding == "score" and config.dialect == "line-labels":
        spans = folder.span_examples()
        span_rows = list(read_table(spans)) if level == "chunk" and spans.is_file() else []
        setup = prepare_scored(config, spec.recipe, base, rows, span_rows, work)
    elif base is None:
        raise RefinerError("Refiners that write programs are fine-tuned from a base: set recipe.base.")
    else:
        setup = prepare_programs(config, base, rows, plan.seed)
    run = train(setup, spec.recipe, work, progress)
    if setup.adapter is not None:
        for checkpoint in run.checkpoints.values():
            adapter_files(checkpoint, setup.adapter, checkpoint)
    best, results = choose_checkpoint(run.checkpoints, _judge(plan, config, level))
    model = folder.model(level)
    finished = config.model_copy(update={"keep_threshold": best.threshold})
    shown = {
        "steps": run.steps,
        "resumed_from": run.resumed_from,
        "examples": len(rows),
        "chosen_step": best.step,
        "development_score": best.score,
        "keep_threshold": best.threshold,
        **{f"development_{name}": value for name, value in best.measures.items()},
    }
    _publish(run.checkpoints[best.step], model, finished, {**shown, "recipe": spec.recipe.model_dump(mode="json")})
    curves = {"loss": run.losses, "development": [asdict(result) for result in results]}
    write_json(model / CURVES, curves)
    return {**shown, "curves": curves}


def _base(plan: LabPlan, folder: LabFolder, level: Level) -> Path | None:
    spec = plan.spec(level)
    if spec.start_from is not None:
        base = folder.model(spec.start_from)
        if not base.is_dir():
            raise RefinerError(
                f"The {level} refiner starts from the missing {spec.start_from} refiner: train that first."
            )
        return base
    return find_model(spec.recipe.base).path if spec.recipe.base is not None else None


def _identity(plan: LabPlan, folder: LabFolder, level: Level, base: Path | None) -> str:
    """Return a hash of everything that a checkpoint depends on: refiner, recipe, examples, base."""
    spec = plan.spec(level)
    digest = hashlib.sha256(spec.model_dump_json(exclude={"recipe": {"threads", "keep_checkpoints"}}).encode())
    tables = [folder.training_set(level), *([folder.span_examples()] if level == "chunk" else [])]
    for table in tables:
        if table.is_file():
            digest.update(table.read_bytes())
    if base is not None:
        digest.update(find_model(str(base)).weights_hash.encode())
    return digest.hexdigest()


def _begin_or_resume(work: Path, identity: str) -> None:
    """Empty the folder of checkpoints unless they belong to this same training."""
    file = work / IDENTITY
    if work.is_dir() and (not file.is_file() or file.read_text(encoding="utf-8") != identity):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(identity, encoding="utf-8")


def _judge(plan: LabPlan, config: RefinerConfig, level: Level) -> Callable[[Path], CheckpointResult] | None:
    """Return a judge of checkpoints; None without development pages."""
    pages = [page for page in labelled_pages(plan) if page.split == "development" and not page.is_silver]
    if not pages:
        return None
    if level == "chunk":
        return partial(judge_chunks, config, pages)
    return partial(judge_documents, config, labelled_documents(pages, "text_full"))


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
