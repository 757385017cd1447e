"""Trains a small adapter, to score or to write; as a program of its own it is killed after a number of steps."""

import os
import signal
import sys
from pathlib import Path

from prox_assets.refiners.config import RefinerConfig
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.fit.program_training import prepare_programs
from prox_assets.training.fit.recipe import TrainingRecipe
from prox_assets.training.fit.scored_training import prepare_scored
from prox_assets.training.fit.trainer import Progress, TrainingRun, TrainingSetup, train
from prox_assets_tests.tiny_adapters import LABELS, register, tiny_recipe
from prox_assets_tests.training.fit.test_scored_batches import rows
from prox_assets_tests.training.synthetic_pages import labelled_page, page

CONFIG = RefinerConfig(
    name="small", level="chunk", model="tiny", dialect="line-labels", line_labels=LABELS, window=512, probe=False
)
RECIPE = tiny_recipe(steps=12, checkpoint_steps=4, batch_tokens=1024, learning_rate=0.01, warmup_steps=2)
WRITES = RefinerConfig(
    name="writes", level="chunk", model="tiny", prompt_format="plain", window=800, max_new_tokens=90, probe=False
)
WRITING = tiny_recipe(
    steps=12, checkpoint_steps=4, batch_size=4, micro_batch_size=2, learning_rate=0.01, warmup_steps=2
)


def prepare(folder: Path, start: Path | None = None, recipe: TrainingRecipe = RECIPE) -> TrainingSetup:
    """Return the training of a new adapter that scores, or of one that is in a folder already."""
    folder.mkdir(parents=True, exist_ok=True)
    return prepare_scored(CONFIG, recipe, start, rows(), [], folder)


def prepare_writer(folder: Path, start: Path | None = None, recipe: TrainingRecipe = WRITING) -> TrainingSetup:
    """Return the training of an adapter that writes programs."""
    folder.mkdir(parents=True, exist_ok=True)
    annotated = chunk_annotations([labelled_page(**page(number)) for number in range(6)])
    short = [row for row in annotated if row["doc_id"].endswith("#text_full")]
    return prepare_programs(WRITES, recipe, start, short, 0, folder)


def train_in(folder: Path, progress: Progress | None = None) -> tuple[TrainingSetup, TrainingRun]:
    setup = prepare(folder)
    return setup, train(setup, RECIPE, folder, progress)


def train_writer_in(folder: Path, progress: Progress | None = None) -> tuple[TrainingSetup, TrainingRun]:
    setup = prepare_writer(folder)
    return setup, train(setup, WRITING, folder, progress)


TRAININGS = {"scores": train_in, "writes": train_writer_in}


def _kill_after(last: int) -> Progress:
    def progress(step: int, _: int) -> None:
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


if __name__ == "__main__":
    register(Path(sys.argv[1]))
    TRAININGS[sys.argv[4]](Path(sys.argv[2]), _kill_after(int(sys.argv[3])))
