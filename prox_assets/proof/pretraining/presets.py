"""Published sizes and recipes, and two small ones for laptops, as data: fields of `recipes.LlamaModel` by name.

Those of a paper bring its number of tokens; whoever wants fewer says so by `tokens`.
"""

from typing import Any

# Name: width, heads, layers, batch in sequences of 2,048, learning rate, steps, parameters that name the size.
_DATADECIDE = {
    "datadecide_4m": (64, 8, 8, 32, 1.4e-2, 5_725, 4e6),
    "datadecide_6m": (96, 8, 8, 32, 1.2e-2, 9_182, 6e6),
    "datadecide_10m": (144, 8, 8, 32, 1.0e-2, 15_117, 10e6),
    "datadecide_20m": (192, 8, 16, 64, 8.4e-3, 14_584, 20e6),
    "datadecide_60m": (384, 12, 16, 96, 5.8e-3, 29_042, 60e6),
    "datadecide_150m": (768, 12, 12, 192, 4.2e-3, 38_157, 150e6),
    "datadecide_300m": (1024, 16, 16, 320, 3.3e-3, 45_787, 300e6),
    "datadecide_530m": (1344, 16, 16, 448, 2.8e-3, 57_786, 530e6),
    "datadecide_1b": (2048, 16, 16, 704, 2.1e-3, 69_369, 1e9),
}


def _datadecide(
    hidden: int, heads: int, layers: int, sequences: int, rate: float, steps: int, parameters: float
) -> dict[str, Any]:
    """Return a rung of DataDecide's ladder (arXiv 2504.11393, table of sizes).

    What the table leaves out is taken from the ladder's script (allenai/OLMo, scripts/ladder.py): feed-forward layers
    of four times the width, untied embeddings, a warm-up of one token per parameter, cosine to a hundredth, weight
    decay 0.05. Its vocabulary has 50,280 tokens, which the sizes in the names count.
    """
    batch = sequences * 2048
    return {
        "shape": {"hidden": hidden, "heads": heads, "layers": layers, "intermediate": 4 * hidden},
        "context": 2048,
        "batch_tokens": batch,
        "tokens": batch * steps,
        "learning_rate": rate,
        "final_learning_rate": rate / 100,
        "warmup_steps": round(parameters / batch),
        "weight_decay": 0.05,
    }


def _prox(hidden: int, heads: int, groups: int, intermediate: int, rate: float, steps: int) -> dict[str, Any]:
    """Return a size of ProX (arXiv 2409.17115, tables 8 and 9); groups of keys and values as in its code."""
    return {
        "shape": {
            "hidden": hidden,
            "heads": heads,
            "key_value_heads": groups,
            "layers": 24,
            "intermediate": intermediate,
        },
        "context": 2048,
        "batch_tokens": 1024 * 2048,
        "tokens": 1024 * 2048 * steps,
        "learning_rate": rate,
        "final_learning_rate": rate / 10,
        "warmup_steps": 500,
    }


def _continued(
    base: str, context: int, sequences: int, steps: int, stop: int, rate: float, save: int
) -> dict[str, Any]:
    """Return ProX's continual pre-training of a base on maths (arXiv 2409.17115, table 9, and its configurations).

    Cosine to a tenth without warm-up, over `steps`; training stops at step `stop`. A checkpoint is written every `save`
    steps. Weight decay, betas and clipping are the defaults of `LlamaModel`; on 64 GPUs.
    """
    batch = sequences * context
    return {
        "base": base,
        "context": context,
        "batch_tokens": batch,
        "micro_batch": 4,
        "tokens": batch * stop,
        "stop": stop / steps,
        "learning_rate": rate,
        "final_learning_rate": rate / 10,
        "checkpoint_steps": save,
        "distributed": "fsdp",
        "seeds": 1,
    }


# By short trials of the smaller size, a hundred thousand tokens of raw pages each: loss 6.70 nats a token, against 6.74
# at a rate of 1e-2, and about 7.0 at that rate with a spread of 0.02.
_LAPTOP = {
    "context": 256,
    "batch_tokens": 1024,
    "learning_rate": 4e-3,
    "final_learning_rate": 4e-4,
    "warmup_steps": 20,
    "checkpoint_steps": 100,
}


def _laptop(hidden: int, heads: int, layers: int, intermediate: int) -> dict[str, Any]:
    """Return a size that trains in minutes without a GPU, for a vocabulary of 4,096 tokens."""
    shape = {"hidden": hidden, "heads": heads, "layers": layers, "intermediate": intermediate, "tied": True}
    return {**_LAPTOP, "shape": {**shape, "initial_spread": 0.05}}


PRESETS: dict[str, dict[str, Any]] = {
    "1m": _laptop(128, 4, 3, 320),
    "2m": _laptop(192, 6, 3, 512),
    **{name: _datadecide(*values) for name, values in _DATADECIDE.items()},
    "prox_xs": _prox(1280, 16, 1, 2048, 5e-4, 12_500),
    "prox_s": _prox(1536, 24, 2, 4864, 5e-4, 12_500),
    "prox_m": _prox(2048, 32, 32, 8192, 3e-4, 25_000),
    # DataComp-LM's smallest scale (arXiv 2406.11794; mlfoundations/dclm, training/configs/411m_1x.json). Its models
    # also normalise queries and keys and add a z-loss of 1e-4, which a plain Llama cannot: near its scores, not equal.
    "dclm_411m_1x": {
        "shape": {"hidden": 1024, "heads": 8, "layers": 24, "intermediate": 2816},
        "context": 2048,
        "batch_tokens": 512 * 2048,
        "tokens": 8_232_325_120,
        "learning_rate": 3e-3,
        "final_learning_rate": 3e-5,
        "warmup_steps": 2_000,
        "weight_decay": 0.033,
    },
    "tinyllama_1b": {
        **_continued("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", 2048, 1024, 7_500, 7_500, 8e-5, 500),
        "micro_batch": 8,
    },
    "llama_2_7b": _continued("meta-llama/Llama-2-7b-hf", 4096, 256, 15_000, 10_000, 8e-5, 1_000),
    # Trained by ProX with the base that Llama has, instead of CodeLlama's million for contexts of 16,384 tokens.
    "codellama_7b": {
        **_continued("codellama/CodeLlama-7b-hf", 4096, 1024, 3_750, 2_500, 3e-4, 250),
        "rope_base": 10_000.0,
    },
    "mistral_7b": {
        **_continued("mistralai/Mistral-7B-v0.1", 4096, 256, 15_000, 10_000, 2e-5, 1_000),
        "fsdp": {"activation_checkpointing": True},
    },
}
"""Fields of `LlamaModel` by the name of a preset."""
