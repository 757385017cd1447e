"""The mean of adapters makes the mean of their models."""

import json

import pytest
from safetensors.torch import load_file

from prox_assets.refiners.adapter.format import SETTINGS_FILE
from prox_assets.refiners.adapter.merging import merged_model
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner, save_refiner
from prox_assets.refiners.model.files import ModelFiles
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.fit.adapter_mean import mean_of_adapters
from prox_assets.training.lab.mean import make_mean
from prox_assets_tests.tiny_adapters import random_adapter, save_adapter
from prox_assets_tests.training.fit.adapter_child import CONFIG
from prox_assets_tests.training.synthetic_pages import labelled_page, page


@pytest.fixture(scope="module")
def two(tiny_base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    made = [save_adapter(random_adapter(seed=seed), folder / str(seed)) for seed in (1, 2)]
    for one in made:
        save_refiner(CONFIG, one, {})
    return made


def weights(files: ModelFiles):
    return load_file(files.path / "model.safetensors")


def test_its_weights_are_the_mean_of_theirs(two, tmp_path):
    mean_of_adapters(two, tmp_path / "mean")
    merged = weights(merged_model(tmp_path / "mean"))
    first, second = (weights(merged_model(folder)) for folder in two)
    for name, tensor in merged.items():
        wanted = (first[name].float() + second[name].float()) / 2
        assert (tensor.float() - wanted).abs().max() <= 0.02 * wanted.abs().max(), name
    assert any((first[name] != second[name]).any() for name in first)


def test_adapters_of_other_sizes_are_refused(two, tiny_base, tmp_path):
    other = save_adapter(random_adapter(layers=3), tmp_path / "other")
    with pytest.raises(RefinerError, match=f"{other} has another base"):
        mean_of_adapters([*two, other], tmp_path / "mean")


def test_the_refiner_of_the_mean_has_a_threshold_of_its_own(two, tmp_path):
    pages: list[LabelledPage] = []
    for number in range(400):
        one = labelled_page(**page(number))
        pages += [one] if one.split == "development" else []
    made = make_mean(two, tmp_path / "mean", pages[:4])
    assert made.keep_threshold is not None
    assert load_refiner(str(tmp_path / "mean")) == made
    assert json.loads((tmp_path / "mean" / SETTINGS_FILE).read_text())["rank"] == 8
    with pytest.raises(RefinerError, match="development sites"):
        make_mean(two, tmp_path / "none", [])
