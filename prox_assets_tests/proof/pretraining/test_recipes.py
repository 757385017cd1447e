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


# ProX, table 9 and train/configs/math: base, context, sequences a step, steps of the schedule, last step, rates.
CONTINUED = {
    "tinyllama_1b": ("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", 2048, 1024, 7_500, 7_500, 8e-5, 8e-6),
    "llama_2_7b": ("meta-llama/Llama-2-7b-hf", 4096, 256, 15_000, 10_000, 8e-5, 8e-6),
    "codellama_7b": ("codellama/CodeLlama-7b-hf", 4096, 1024, 3_750, 2_500, 3e-4, 3e-5),
    "mistral_7b": ("mistralai/Mistral-7B-v0.1", 4096, 256, 15_000, 10_000, 2e-5, 2e-6),
}


@pytest.mark.parametrize("name", CONTINUED)
def test_continual_pre_training_is_that_of_prox(name):
    base, context, sequences, schedule, end, rate, final = CONTINUED[name]
    model = preset(name)

    assert (model.base, model.context, model.batch_tokens) == (base, context, sequences * context)
    assert model.tokens is not None
    assert model.steps(model.tokens) == end
    assert round(end / model.stop) == schedule
    assert (model.learning_rate, model.schedule, model.warmup_steps) == (rate, "cosine", 0)
    assert model.final_learning_rate == pytest.approx(final)
    assert (model.betas, model.weight_decay, model.clip) == ((0.9, 0.95), 0.1, 1.0)
    assert model.rope_base == (10_000 if name == "codellama_7b" else None)
    assert model.has_tokenizer


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
