"""Presets: that they are the published sizes, and what settings override and refuse."""

import pytest
from pydantic import ValidationError

from prox_assets.compute.parameters import count_parameters
from prox_assets.proof.pretraining.models import initial_model
from prox_assets.proof.pretraining.presets import PRESETS
from prox_assets.proof.pretraining.recipes import LlamaModel


def preset(name: str, **settings) -> LlamaModel:
    return LlamaModel.model_validate({"kind": "llama", "name": "m", "preset": name, **settings})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_whole_recipe(name):
    model = preset(name)
    assert (model.shape is None) == (model.base is not None)
    assert LlamaModel.model_validate(model.model_dump()) == model
    if model.tokens is not None:
        assert model.steps(model.tokens) > 1_000
        assert model.warmup_steps < model.steps(model.tokens) / 3


@pytest.mark.parametrize(
    ("name", "vocabulary", "parameters"),
    [
        # ProX, table 8.
        ("prox_xs", 32_000, 354_284_800),
        ("prox_s", 32_000, 758_982_144),
        ("prox_m", 32_000, 1_741_785_088),
        # DataComp-LM, 411m_1x.json: `params`; its normalised queries and keys, and its biases, come to 0.01 %.
        ("dclm_411m_1x", 50_432, 411_616_256),
        # The rungs' names, roughly.
        ("datadecide_4m", 50_280, 6.9e6),
        ("datadecide_150m", 50_280, 190e6),
        ("datadecide_1b", 50_280, 1.28e9),
        ("1m", 4096, 1.09e6),
        ("2m", 4096, 2.1e6),
    ],
)
def test_sizes_are_those_of_the_source(name, vocabulary, parameters):
    import torch

    with torch.device("meta"):
        model = initial_model(preset(name), vocabulary, 0)
    found = count_parameters((tensor_name, tensor.numel()) for tensor_name, tensor in model.named_parameters()).total
    exact = name.startswith("prox")
    assert found == pytest.approx(parameters, rel=0 if exact else 0.02)


def test_prox_stops_llama_2_after_two_thirds_of_its_schedule():
    model = preset("llama_2_7b")
    assert model.tokens is not None
    assert model.steps(model.tokens) == 10_000
    assert round(10_000 / model.stop) == 15_000
    assert preset("codellama_7b").rope_base == 10_000


def test_settings_come_before_the_preset():
    model = preset("datadecide_4m", tokens=1_000_000, learning_rate=0.02, context=512)
    assert (model.tokens, model.learning_rate, model.context) == (1_000_000, 0.02, 512)
    assert model.batch_tokens == 32 * 2048


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "3m"}, "there is no '3m'; there are 1m, 2m, datadecide_4m"),
        ({}, "needs a preset, or either shape or base"),
        ({"preset": "1m", "base": "folder"}, "needs a preset, or either shape or base"),
        ({"preset": "1m", "context": 300}, "1024 is not a multiple of the context, 300"),
        ({"preset": "1m", "final_learning_rate": 1}, "greater than learning_rate"),
        ({"preset": "1m", "curve": [1.0]}, "the finished model is a point of the curve anyway"),
        ({"shape": {"hidden": 30, "heads": 4, "layers": 1, "intermediate": 64}}, "not an even multiple of 4 heads"),
    ],
)
def test_what_does_not_fit_is_said(settings, message):
    with pytest.raises(ValidationError, match=message):
        LlamaModel.model_validate({"kind": "llama", "name": "m", **settings})
