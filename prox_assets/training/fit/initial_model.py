"""A small Llama made from scratch.

Belongs here: shape and initial weights of a refiner that starts from nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from prox_assets.training.fit.recipe import ModelShape

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

# The slower half of a head's rotations hardly turn within a prompt at this base, so that half of each head compares
# contents and the other half places.
ROPE_THETA = 1e8
# Embeddings and output layer are one matrix; at transformers' 0.02 the first steps move little else.
EMBEDDING_SCALE = 0.05


def make_model(shape: ModelShape, tokenizer: PreTrainedTokenizerFast, window: int, seed: int) -> LlamaForCausalLM:
    """Return a Llama with random weights, its output layer tied to its embeddings.

    Args:
        shape: Its size.
        tokenizer: Gives the size of its vocabulary and the token that ends its text.
        window: Positions that it is made for.
        seed: Of the weights; equal seeds give equal models.
    """
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
