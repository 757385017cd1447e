"""Llamas with random weights, in the shapes that engines are timed with.

Each is saved with a tokenizer trained on real pages. A token costs an engine exactly as much with random weights as
with trained ones. But random weights never end an answer, so every answer is as long as it may be. Models that answer
with programs are in decision_refiner.py and tiny_refiner.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from prox_assets.engines.config import Dtype
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.training.data.vocabulary import train_tokenizer


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """A Llama and how a refiner of its size is used.

    Attributes:
        vocabulary: Token ids.
        hidden: Width.
        intermediate: Width of the feed-forward layers.
        layers: Decoder layers.
        heads: Attention heads.
        kv_heads: Key-value heads.
        window: Positions, prompt and answer together.
        prompt_tokens: Tokens of a prompt at most.
        dtype: Of the saved weights, and of the arithmetic unless an engine is told otherwise.
    """

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    window: int
    prompt_tokens: int
    dtype: Dtype


SHAPES = {
    # Small enough for any machine. 512 tokens a chunk, so that a model that costs next to nothing is not all attention.
    "tiny": LlamaShape(2048, 64, 128, 2, 2, 2, 2048, 512, "float32"),
    # The refiner that comes with the project, the one that CPUs really run. Its dialect scores
    # lines instead of writing programs; as a model it costs the same per token.
    "bundled": LlamaShape(6144, 192, 512, 4, 3, 3, 2048, 1500, "float32"),
    # The smallest released ProX refiner (TLM-XS, arXiv 2409.17115, appendix B): 354,284,800 parameters. Chunks of at
    # most 1,500 tokens as in section 3.1.
    "prox-xs": LlamaShape(32_000, 1280, 2048, 24, 16, 1, 2048, 1500, "bfloat16"),
}


def make_llama(folder: Path, shape: LlamaShape, texts: Sequence[str], seed: int = 0) -> Path:
    """Save a Llama of a shape with random weights (safetensors) and a byte-level BPE tokenizer; return the folder.

    Args:
        folder: Where to; made if missing.
        shape: Its size.
        texts: What the tokenizer is learned from.
        seed: Of the weights.

    Raises:
        ValueError: The texts are too few for a vocabulary of that size.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    end = make_tokenizer(folder, shape, texts)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.window,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=end,
        dtype=getattr(torch, shape.dtype),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(getattr(torch, shape.dtype))
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def make_tokenizer(folder: Path, shape: LlamaShape, texts: Sequence[str]) -> int:
    """Save a byte-level BPE tokenizer with the vocabulary of a shape; return its end-of-sequence token.

    Raises:
        ValueError: The texts are too few for a vocabulary of that size.
    """
    settings = LineLabelsSettings(max_lines=1, inline=None)
    tokenizer = train_tokenizer(texts, shape.vocabulary, settings, shape.window)
    if len(tokenizer) != shape.vocabulary:
        raise ValueError(
            f"{len(texts)} texts give a vocabulary of {len(tokenizer):,} tokens, not {shape.vocabulary:,}: give more"
        )
    tokenizer.save_pretrained(folder)
    return cast("int", tokenizer.eos_token_id)
