"""The shapes of the recipes' pretrained bases, for trainers that are told a model's shape on their command line.

From the configurations that the models are published with. All have RMS norms with an epsilon of 1e-5, no biases, and
input and output embeddings of their own.
"""

from dataclasses import dataclass

from prox_assets.proof.pretraining.recipes import LlamaModel, LlamaShape

NORM_EPSILON = 1e-5
"""Of all bases, and of the models that start from random weights (proof.pretraining.models)."""


@dataclass(frozen=True)
class ModelShape:
    """The shape of a model with its embeddings.

    Attributes:
        layers: What LlamaModel knows of a shape.
        vocabulary: Rows of the embeddings.
        key_value_heads: Heads of keys and values.
    """

    layers: LlamaShape
    vocabulary: int

    @property
    def key_value_heads(self) -> int:
        """Heads of keys and values."""
        return self.layers.key_value_heads or self.layers.heads


def _llama_7b(vocabulary: int, intermediate: int = 11_008, key_value_heads: int | None = None) -> ModelShape:
    shape = LlamaShape(hidden=4096, heads=32, key_value_heads=key_value_heads, layers=32, intermediate=intermediate)
    return ModelShape(shape, vocabulary)


_BASES = {
    "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T": ModelShape(
        LlamaShape(hidden=2048, heads=32, key_value_heads=4, layers=22, intermediate=5632), 32_000
    ),
    "meta-llama/Llama-2-7b-hf": _llama_7b(32_000),
    "codellama/CodeLlama-7b-hf": _llama_7b(32_016),
    "mistralai/Mistral-7B-v0.1": _llama_7b(32_000, 14_336, 8),
}


def shape_of(model: LlamaModel, vocabulary: int) -> ModelShape:
    """Return the shape of a recipe's model.

    Args:
        model: The recipe; its base is the one that it names, wherever that is kept.
        vocabulary: Largest id of the tokens + 1, for a model that starts from random weights.
    """
    if model.shape is not None:
        return ModelShape(model.shape, vocabulary)
    known = _BASES[str(model.base)]
    if model.rope_base is None:
        return known
    return ModelShape(known.layers.model_copy(update={"rope_base": model.rope_base}), known.vocabulary)
