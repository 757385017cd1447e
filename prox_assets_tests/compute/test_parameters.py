"""A model's size comes out of its files' headers as torch counts it."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from prox_assets.compute.parameters import Parameters, llama_parameters, read_parameters
from prox_assets.testing.tiny_models import make_tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_llama(tmp_path_factory.mktemp("model") / "tiny")


def test_headers_and_configuration_tell_the_size_that_torch_counts(folder):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    total = sum(parameter.numel() for parameter in model.parameters())
    found = read_parameters(folder)
    assert found is not None
    assert found.total == total
    assert found.without_embeddings == sum(each.numel() for each in model.model.layers.parameters()) + 64
    assert llama_parameters(json.loads((folder / "config.json").read_text())) == found


def test_weights_in_several_files_count_once_each_and_packed_ones_as_configured(folder, tmp_path):
    whole = read_parameters(folder)
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    for number, part in enumerate((names[:3], names[3:])):
        save_file({name: tensors[name] for name in part}, tmp_path / f"model-{number}.safetensors")
    assert read_parameters(tmp_path) == whole
    save_file({"model.layers.0.qweight": np.zeros((4, 4), dtype=np.int32)}, tmp_path / "model-0.safetensors")
    assert read_parameters(tmp_path) is None
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert read_parameters(tmp_path) == whole


def test_a_folder_without_a_model_has_no_size(tmp_path):
    assert read_parameters(tmp_path) is None
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    assert read_parameters(tmp_path) is None


def test_the_first_layers_of_a_model_count_as_they_are(folder, tmp_path):
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if "layers.1." not in name}, tmp_path / "m.safetensors")
    whole, cut = read_parameters(folder), read_parameters(tmp_path)
    assert isinstance(whole, Parameters)
    assert isinstance(cut, Parameters)
    assert cut.without_embeddings == (whole.without_embeddings - 64) // 2 + 64
