"""A small Llama from scratch: shape and initial weights of a refiner without a base model."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from prox_assets.training.fit.recipe import ModelShape

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

# At this base, the slower half of a head's rotations hardly turn within a prompt: half of each head compares contents,
# and the other half compares positions.
ROPE_THETA = 1e8
# Embeddings and output layer share one matrix; at the transformers default of 0.02, the first steps move little else.
EMBEDDING_SCALE = 0.05


def make_model(shape: ModelShape, tokenizer: PreTrainedTokenizerFast, window: int, seed: int) -> LlamaForCausalLM:
    """Return a Llama with `window` positions, tied embeddings and random weights; equal seeds give equal models."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = shape.hidden // shape.head_size
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=shape.head_size,
        max_position_embeddings=window,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=cast("int", tokenizer.eos_token_id),
        dtype=torch.float32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        embeddings = cast("torch.nn.Embedding", model.get_input_embeddings())
        torch.nn.init.normal_(embeddings.weight, std=EMBEDDING_SCALE)
    return model
