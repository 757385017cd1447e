"""Adapters of a tiny base, and a cache for the models that they make; `conftest.py` makes the fixtures known."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prox_assets.refiners.adapter.bases import SOURCES, Source
from prox_assets.refiners.adapter.merging import CACHE_VARIABLE
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets.training.fit.adapter import Adapter, adapter_files, new_adapter
from prox_assets.training.fit.recipe import AdapterRecipe, TrainingRecipe

TINY = "tiny"
LAYERS = 3
LABELS = LineLabelsSettings()


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep merged models out of the user's own cache; the workers of one run share them."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        yield folder / "cache"


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A random Llama of three layers, known as the base `tiny` for the rest of the tests."""
    folder = make_tiny_llama(tmp_path_factory.mktemp("base"), layers=LAYERS)
    register(folder)
    yield folder
    del SOURCES[TINY]


def register(folder: Path) -> None:
    """Make a folder known as the base `tiny` in this process."""
    SOURCES[TINY] = Source(package="no_such_package", distribution="none", gguf_file="none", hub_id=str(folder))


def tiny_recipe(layers: int = 2, **settings: Any) -> TrainingRecipe:
    values = {"adapter": AdapterRecipe(base=TINY, layers=layers, rank=4), "bf16": False, "threads": 1, **settings}
    return TrainingRecipe.model_validate(values)


def random_adapter(layers: int = 2, seed: int = 0, labels: LineLabelsSettings = LABELS) -> Adapter:
    """Return an adapter that is as good as trained: every tensor of its own is random, in steps of bfloat16."""
    import torch

    adapter = new_adapter(tiny_recipe(layers), labels)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in adapter.model.named_parameters():
            if parameter.requires_grad:
                spread = 1.0 if name == "lm_head.weight" else 0.2
                noise = spread * torch.randn(parameter.shape, generator=generator)
                parameter.copy_((parameter + noise).to(torch.bfloat16).float())
    return adapter


def save_adapter(adapter: Adapter, folder: Path) -> Path:
    """Write an adapter's files as training does, by way of a checkpoint; return their folder."""
    checkpoint = folder.with_name(f"{folder.name}-checkpoint")
    adapter.model.save_pretrained(checkpoint)
    adapter_files(checkpoint, adapter, folder)
    return folder


def label_log_probabilities(adapter: Adapter, token_ids: tuple[int, ...]) -> list[list[float]]:
    """Return log P(keep) and log P(remove) after each token, by the model that is trained."""
    import torch

    with torch.inference_mode():
        hidden = adapter.model.base_model(input_ids=torch.tensor([token_ids]), use_cache=False).last_hidden_state
        head: Any = adapter.model.get_output_embeddings()
        return head(hidden[0]).log_softmax(-1)[:, :2].tolist()
