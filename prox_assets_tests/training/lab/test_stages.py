"""The lab from labelled pages to evaluated refiners: a short run of what `make refiner` does."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from prox_assets.catalog.connection import open_catalog
from prox_assets.compute.parameters import read_parameters
from prox_assets.lake.lake import Lake
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner_pair
from prox_assets.training.lab.evaluation import evaluate_lab
from prox_assets.training.lab.settings import LabFolder
from prox_assets.training.lab.stages import annotate_seeds, build_examples
from prox_assets.training.lab.training import train_refiner
from prox_assets_tests.training.lab.plans import RECIPE, SHAPE, refiner, small_plan
from prox_assets_tests.training.synthetic_pages import write_pages

pytestmark = pytest.mark.slow
PAGES = 120


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return write_pages(tmp_path_factory.mktemp("pages") / "pages.parquet", PAGES)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, pages):
    """A lab in which both levels are trained."""
    folder = LabFolder(tmp_path_factory.mktemp("lab"))
    plan = small_plan(pages)
    for level in ("chunk", "doc"):
        annotate_seeds(plan, folder, level)
        build_examples(plan, folder, level)
        train_refiner(plan, folder, level)
    return plan, folder


def test_the_trained_refiners_beat_keeping_everything_on_sites_they_have_not_seen(lab, pages):
    plan, folder = lab
    results = {level: evaluate_lab(plan, folder, level) for level in ("chunk", "doc")}
    numbers = json.loads(folder.evaluation("chunk").read_text())
    error, error_of_keeping = (1 - numbers[name]["text_full"]["word_f1"] for name in ("this refiner", "keep-all"))
    assert error < error_of_keeping / 2
    assert numbers["this refiner"]["text_full"]["removed_line_f1"] > 0.9
    assert results["doc"]["measures"]["pages and synthetic documents/macro_f1"] > 0.7
    assert "| this refiner |" in results["chunk"]["report"]


def test_the_finished_folders_hold_dialect_thresholds_and_fingerprint(lab):
    _, folder = lab
    pair = load_refiner_pair(str(folder.root / "chunk" / "model"))
    assert pair.chunk is not None
    assert pair.chunk.dialect == "line-labels"
    assert pair.chunk.keep_threshold is not None
    assert pair.chunk.trained_scripts == ("latin",)
    curves = json.loads((folder.model("chunk") / "curves.json").read_text())
    assert curves["loss"][-1][1] < curves["loss"][0][1]
    assert [result["step"] for result in curves["development"]] == [40, 80, 120]


def costs(folder: LabFolder) -> list[dict[str, Any]]:
    with open_catalog(Lake(str(folder.root))) as catalog:
        return catalog.sql("FROM compute ORDER BY started_at").pl().to_dicts()


def test_what_training_has_cost_is_on_record(lab):
    plan, folder = lab
    for row in costs(folder):
        size = read_parameters(folder.model(row["shard"]))
        assert size is not None
        assert (row["parameters"], row["parameters_without_embeddings"]) == (size.total, size.without_embeddings)
        assert row["training_tokens"] > 0
        assert row["flops"] == 6 * size.without_embeddings * row["training_tokens"]
        assert 0 < row["engine_seconds"] <= row["seconds"]
        assert (row["corpus"], row["stage"], row["succeeded"]) == (plan.name, "training", True)
    assert sorted(row["shard"] for row in costs(folder)) == ["chunk", "doc"]


def test_a_document_refiner_that_starts_from_the_chunk_refiner_wants_it_first(tmp_path, pages):
    plan = small_plan(pages)
    folder = LabFolder(tmp_path)
    annotate_seeds(plan, folder, "doc")
    build_examples(plan, folder, "doc")
    with pytest.raises(RefinerError, match="train that first"):
        train_refiner(plan, folder, "doc")


def test_a_lab_without_pages_and_annotator_says_what_it_needs(tmp_path):
    with pytest.raises(RefinerError, match="nothing to learn from"):
        annotate_seeds(small_plan(None), LabFolder(tmp_path), "doc")


TRAIN = """
import sys
from pathlib import Path
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.training import train_refiner
train_refiner(LabPlan.model_validate_json(sys.argv[1]), LabFolder(Path(sys.argv[2])), "chunk")
"""


def test_a_killed_training_goes_on_from_its_checkpoint_and_ends_where_an_undisturbed_one_does(tmp_path, lab):
    plan, undisturbed = lab
    folder = LabFolder(tmp_path)
    for name in ("training_set.parquet", "inline_examples.parquet"):
        (folder.level("chunk") / name).write_bytes((undisturbed.level("chunk") / name).read_bytes())
    command = [sys.executable, "-c", TRAIN, plan.model_dump_json(), str(tmp_path)]
    killed = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = folder.training("chunk") / "checkpoint-40" / "trainer_state.json"
    deadline = time.monotonic() + 200
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert checkpoint.is_file()
    assert not folder.model("chunk").exists()
    # The remains of a checkpoint whose writing was interrupted.
    torn = folder.training("chunk") / "checkpoint-60"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")

    shown = train_refiner(plan, folder, "chunk")

    whole = json.loads((undisturbed.model("chunk") / "curves.json").read_text())
    resumed = json.loads((folder.model("chunk") / "curves.json").read_text())
    assert shown["resumed_from"] == 40
    assert not torn.exists()
    assert [step for step, _ in resumed["loss"]] == [step for step, _ in whole["loss"]]
    for (_, one), (_, other) in zip(resumed["loss"], whole["loss"], strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    for one, other in zip(resumed["development"], whole["development"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)
    killed_one, resumed_one = costs(folder)
    assert (killed_one["succeeded"], resumed_one["succeeded"]) == (None, True)
    [whole_one] = [row for row in costs(undisturbed) if row["shard"] == "chunk"]
    assert 0 < resumed_one["training_tokens"] < whole_one["training_tokens"]


def test_another_recipe_does_not_go_on_from_the_checkpoints_of_the_first(tmp_path, lab, pages):
    _, first = lab
    folder = LabFolder(tmp_path)
    for name in ("training_set.parquet", "inline_examples.parquet"):
        (folder.level("chunk") / name).write_bytes((first.level("chunk") / name).read_bytes())
    recipe = {**RECIPE, "shape": SHAPE, "steps": 4, "checkpoint_steps": 4}
    plan = small_plan(pages, chunk={"refiner": refiner("chunk"), "recipe": recipe})
    train_refiner(plan, folder, "chunk")
    again = train_refiner(plan, folder, "chunk")
    recipe["seed"] = 5
    other = train_refiner(small_plan(pages, chunk={"refiner": refiner("chunk"), "recipe": recipe}), folder, "chunk")
    assert (again["resumed_from"], other["resumed_from"]) == (4, None)
