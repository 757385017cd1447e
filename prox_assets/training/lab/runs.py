"""What trainings of every kind share: one run per folder, examples to begin with, and files of an earlier run."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.documents.worthless import TRAINING_FAMILIES, synthetic_documents
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.data.tables import read_table
from prox_assets.training.evaluation.evaluate import LabelledDocument, labelled_documents
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.stages import labelled_pages

IDENTITY = "identity.txt"


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Allow one training per folder: a second one would delete the first one's unfinished checkpoint as incomplete."""
    with (folder / "training.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefinerError(f"another run is training in {folder}; wait for it") from error
        yield


def training_rows(folder: LabFolder, level: Level) -> list[dict[str, Any]]:
    """Return the examples of the train split.

    Raises:
        RefinerError: There are none.
    """
    if not folder.training_set(level).is_file():
        raise RefinerError(f"There is no training set of level {level}: materialize {level}_training_set first.")
    rows = [row for row in read_table(folder.training_set(level)) if row["split"] == "train"]
    if not rows:
        raise RefinerError(f"The training set of level {level} has no examples in its train split.")
    return rows


def start_of(plan: LabPlan, folder: LabFolder, level: Level) -> Path:
    """Return the lab's own model that a level starts from.

    Raises:
        RefinerError: It is not trained yet.
    """
    start = plan.spec(level).start_from or level
    model = folder.model(start)
    if not model.is_dir():
        raise RefinerError(f"The {level} refiner starts from the missing {start} refiner: train that first.")
    return model


def development_pages(plan: LabPlan) -> list[LabelledPage]:
    """Return the pages with gold text on which thresholds and calibrations are chosen.

    Raises:
        PagesError: See `labelled_pages`.
    """
    return [page for page in labelled_pages(plan) if page.split == "development" and not page.is_silver]


def development_documents(plan: LabPlan) -> list[LabelledDocument]:
    """Return the documents on which thresholds and calibrations are chosen; raises as `development_pages`."""
    return with_bad_documents(development_pages(plan), plan.seed)


def with_bad_documents(pages: list[LabelledPage], seed: int) -> list[LabelledDocument]:
    """Return the pages of known type, and as many plainly bad documents made of their words.

    Nearly all labelled pages are worth keeping: calibrated on them alone, a refiner would keep everything.
    """
    made = synthetic_documents(pages, len(pages), seed, TRAINING_FAMILIES)
    bad = [LabelledDocument(f"made-{place}", one.text, keep=False, kind=one.kind) for place, one in enumerate(made)]
    return [*labelled_documents(pages, "text_full"), *bad]


def identity(plan: LabPlan, folder: LabFolder, level: Level, base: str | None) -> str:
    """Return a hash of all that a training's results depend on: refiner, recipe, examples, and the base's hash."""
    spec = plan.spec(level)
    digest = hashlib.sha256(spec.model_dump_json(exclude={"recipe": {"threads", "keep_checkpoints"}}).encode())
    tables = [folder.training_set(level), *([folder.span_examples()] if level == "chunk" else [])]
    for table in tables:
        if table.is_file():
            digest.update(table.read_bytes())
    if base is not None:
        digest.update(base.encode())
    return digest.hexdigest()


def begin_or_resume(work: Path, identity: str) -> None:
    """Empty a training's folder unless its files belong to this same training."""
    file = work / IDENTITY
    if work.is_dir() and (not file.is_file() or file.read_text(encoding="utf-8") != identity):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(identity, encoding="utf-8")
