"""A lab of classifiers, from labelled pages to evaluated refiners: a short run of `make refiner KIND=classifier`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from pydantic import ValidationError

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner_pair
from prox_assets.training.lab.evaluation import evaluate_lab
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.stages import annotate_seeds, build_examples
from prox_assets.training.lab.training import train_refiner
from prox_assets_tests.training.synthetic_pages import write_pages

SMALL = {"iterations": 15, "trees": 40, "leaf_examples": 10}
LEVELS = ("chunk", "doc")


def small_plan(pages) -> LabPlan:
    refiners = {level: {"name": f"small-{level}", "level": level, "kind": "classifier"} for level in LEVELS}
    return LabPlan.model_validate(
        {
            "pages": [str(pages)],
            "previous": None,
            "chunk": {"refiner": refiners["chunk"], "classifier": SMALL},
            "doc": {"refiner": refiners["doc"], "classifier": SMALL, "start_from": "chunk"},
        }
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A lab in which both levels are trained."""
    plan = small_plan(write_pages(tmp_path_factory.mktemp("pages") / "pages.parquet", 80))
    folder = LabFolder(tmp_path_factory.mktemp("lab"))
    for level in LEVELS:
        annotate_seeds(plan, folder, level)
        build_examples(plan, folder, level)
        train_refiner(plan, folder, level)
    return plan, folder


def test_the_classifiers_beat_keeping_everything_on_sites_they_have_not_seen(lab):
    plan, folder = lab
    results = {level: evaluate_lab(plan, folder, level) for level in LEVELS}
    numbers = json.loads(folder.evaluation("chunk").read_text())
    error, error_of_keeping = (1 - numbers[name]["text_full"]["word_f1"] for name in ("this refiner", "keep-all"))
    assert error < error_of_keeping / 2
    assert numbers["this refiner"]["text_full"]["removed_line_f1"] > 0.9
    assert results["doc"]["measures"]["pages and synthetic documents/macro_f1"] > 0.7
    assert results["doc"]["measures"]["paragraphs of 50 to 200 words/right"] > 0.7
    assert "doorway" in results["doc"]["report"]


def test_the_finished_folder_is_a_refiner_of_both_levels(lab, tmp_path):
    _, folder = lab
    for level in LEVELS:
        shutil.copytree(folder.model(level), tmp_path / level)
    pair = load_refiner_pair(str(tmp_path))
    assert pair.chunk is not None
    assert pair.doc is not None
    assert (pair.chunk.kind, pair.doc.kind) == ("classifier", "classifier")
    stored = json.loads((tmp_path / "chunk" / "refiner.json").read_text())
    assert stored["training"]["recipe"]["trees"] == 40


def test_a_line_classifier_starts_anew_and_a_document_classifier_from_it(tmp_path, lab):
    plan, folder = lab
    values = plan.model_dump()
    values["doc"]["start_from"] = None
    with pytest.raises(ValidationError, match="start_from: chunk"):
        LabPlan.model_validate(values)
    empty = LabFolder(tmp_path)
    shutil.copytree(folder.level("doc"), empty.level("doc"), dirs_exist_ok=True)
    with pytest.raises(RefinerError, match="train that first"):
        train_refiner(plan, empty, "doc")


TRAIN = """
import sys
from pathlib import Path
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.training import train_refiner
train_refiner(LabPlan.model_validate_json(sys.argv[1]), LabFolder(Path(sys.argv[2])), "chunk")
"""


def test_a_killed_training_goes_on_after_its_last_fit_and_ends_where_an_undisturbed_one_does(tmp_path, lab):
    plan, undisturbed = lab
    folder = LabFolder(tmp_path)
    shutil.copyfile(undisturbed.training_set("chunk"), folder.training_set("chunk"))
    process = subprocess.Popen([sys.executable, "-c", TRAIN, plan.model_dump_json(), str(tmp_path)])
    while not (folder.training("chunk") / "linear-1.npz").is_file():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = (folder.training("chunk") / "linear-0.npz").stat().st_mtime_ns
    train_refiner(plan, folder, "chunk")
    assert (folder.training("chunk") / "linear-0.npz").stat().st_mtime_ns == first
    same = "classifier.safetensors"
    assert (folder.model("chunk") / same).read_bytes() == (undisturbed.model("chunk") / same).read_bytes()
