"""The lab with adapters: the document level goes on from the chunk level's, and finished folders hold adapters."""

from pathlib import Path
from typing import Any

import pytest

from prox_assets.catalog.connection import open_catalog
from prox_assets.lake.lake import Lake
from prox_assets.refiners.adapter.format import SETTINGS_FILE, TENSORS_FILE, read_settings
from prox_assets.refiners.folder import REFINER_FILE, load_refiner_pair
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.user_cache import CACHE_VARIABLE
from prox_assets.training.lab.settings import LabFolder
from prox_assets.training.lab.stages import annotate_seeds, build_examples
from prox_assets.training.lab.training import CURVES, train_refiner
from prox_assets_tests.tiny_adapters import TINY
from prox_assets_tests.training.lab.plans import refiner, small_plan
from prox_assets_tests.training.synthetic_pages import write_pages

pytestmark = pytest.mark.slow
RECIPE = {
    "steps": 6,
    "checkpoint_steps": 3,
    "batch_tokens": 1024,
    "batch_size": 4,
    "micro_batch_size": 2,
    "learning_rate": 0.01,
    "bf16": False,
    "threads": 1,
}


def writer(level: str) -> dict[str, Any]:
    """Return the settings of a refiner that writes programs."""
    settings = {"window": 800, "max_new_tokens": 40, "decoding": "complete", "dtype": "float32"}
    return {"name": f"small-{level}", "level": level, "prompt_format": "plain", **settings}


@pytest.mark.parametrize("kind", [refiner, writer])
def test_both_levels_become_adapters_and_their_checkpoints_leave_the_cache(
    kind: Any, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    plan = small_plan(
        write_pages(tmp_path / "pages.parquet", 60),
        chunk={"refiner": kind("chunk"), "recipe": {**RECIPE, "adapter": {"base": TINY, "layers": 2, "rank": 4}}},
        doc={"refiner": kind("doc"), "start_from": "chunk", "recipe": RECIPE},
    )
    folder = LabFolder(tmp_path / "lab")
    for level in ("chunk", "doc"):
        annotate_seeds(plan, folder, level)
        build_examples(plan, folder, level)
        shown = train_refiner(plan, folder, level)
        assert [result["step"] for result in shown["curves"]["development"]] == [3, 6]

    finished = [folder.model(level) for level in ("chunk", "doc")]
    for place in finished:
        assert {file.name for file in place.iterdir()} == {SETTINGS_FILE, TENSORS_FILE, REFINER_FILE, CURVES}
    assert read_settings(finished[0]) == read_settings(finished[1])
    assert (finished[0] / TENSORS_FILE).read_bytes() != (finished[1] / TENSORS_FILE).read_bytes()
    pair = load_refiner_pair(str(finished[0]))
    assert pair.chunk is not None
    models = {find_model(str(place)).path for place in finished}
    assert set((tmp_path / "cache" / "models").iterdir()) == models
    with open_catalog(Lake(str(folder.root))) as catalog:
        for row in catalog.sql("FROM compute").pl().to_dicts():
            assert 0 < row["trained_parameters"] < row["parameters_without_embeddings"]
            trained = 4 * row["parameters_without_embeddings"] + 2 * row["trained_parameters"]
            assert row["flops"] == trained * row["training_tokens"] > 0
