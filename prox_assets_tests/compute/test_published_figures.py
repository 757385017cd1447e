"""The figures of ProX, and of those who have measured it since, come out of the same functions as a user's own."""

import pytest

from prox_assets.compute.break_even import break_even_tokens, cost_ratio
from prox_assets.compute.flops import inference_flops, refining_flops, training_flops
from prox_assets.compute.parameters import llama_parameters

REFINER = 0.313e9  # TLM-XS without embeddings
SMALL, MEDIUM = 709_830_144, 1_676_249_088  # TLM-S and TLM-M, as the paper counts them
RAW, AFTER_DOCUMENT_LEVEL, TRAINED = 62.5e9, 19e9, 26.2e9  # RedPajama-V2, in tokens


def test_refining_redpajama_and_training_on_it():
    refining = refining_flops(REFINER, RAW, AFTER_DOCUMENT_LEVEL)
    assert refining == pytest.approx(5.1e19, rel=0.01)
    assert training_flops(SMALL, TRAINED) == pytest.approx(1.12e20, rel=0.01)
    assert cost_ratio(refining, training_flops(SMALL, TRAINED)) == pytest.approx(0.46, abs=0.005)
    assert cost_ratio(refining, training_flops(MEDIUM, TRAINED)) == pytest.approx(0.19, abs=0.005)
    assert cost_ratio(refining, training_flops(SMALL, TRAINED), models=2) == pytest.approx(0.23, abs=0.005)


def test_refining_is_worth_12_billion_tokens_of_the_small_model_and_5_of_the_medium_one():
    refining = refining_flops(REFINER, RAW, AFTER_DOCUMENT_LEVEL)
    assert break_even_tokens(refining, SMALL) == pytest.approx(12e9, rel=0.01)
    assert break_even_tokens(refining, MEDIUM) == pytest.approx(5e9, rel=0.02)
    assert break_even_tokens(refining, SMALL) == pytest.approx(REFINER * (RAW + AFTER_DOCUMENT_LEVEL) / (3 * SMALL))
    assert break_even_tokens(refining, SMALL, models=3) == pytest.approx(4e9, rel=0.01)


def test_longer_trainings_and_larger_models_dwarf_the_same_refiner():
    kept = AFTER_DOCUMENT_LEVEL / RAW
    longer = refining_flops(REFINER, 123.5e9, kept * 123.5e9)
    assert cost_ratio(longer, training_flops(MEDIUM, 52.4e9)) == pytest.approx(0.19, abs=0.005)
    raw = 1e12 / 0.23
    assert cost_ratio(refining_flops(REFINER, raw, kept * raw), training_flops(7e9, 1e12)) == pytest.approx(
        0.085, abs=0.001
    )


def test_hours_as_spent_tell_another_story_than_operations():
    """ReScraper's tables: 147 H200-hours of ProX over 17.7 billion tokens, 225 to 254 for a model of 1.4 billion."""
    assert cost_ratio(147, 225) == pytest.approx(0.65, abs=0.005)
    assert cost_ratio(147, 254) == pytest.approx(0.58, abs=0.005)
    assert inference_flops(REFINER, 17.7e9) / 2.3e20 == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"hidden_size": 1536, "intermediate_size": 4864, "num_key_value_heads": 2}, 758_982_144),
        ({"hidden_size": 2048, "intermediate_size": 8192}, 1_741_785_088),
    ],
)
def test_sizes_of_the_papers_models(config, parameters):
    shape = {"num_attention_heads": config["hidden_size"] // 64, "num_hidden_layers": 24, "vocab_size": 32_000}
    assert llama_parameters({**shape, **config}).total == parameters


def test_an_adapter_needs_no_gradients_of_the_weights_that_stay():
    assert training_flops(100, 10) == 6000
    assert training_flops(100, 10, trained=5) == 4100
