"""Llamas with random weights, in the shapes used to time engines.

Each is saved with a tokenizer trained on real pages. Random weights cost an engine as much per token as trained ones.
They never end an answer, though, so every answer has the maximum length. For models that write programs, see
decision_refiner.py and tiny_refiner.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from prox_assets.engines.config import Dtype
from prox_assets.training.data.vocabulary import train_tokenizer


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The size of a Llama, and of a refiner's prompts to it.

    Attributes:
        vocabulary: Vocabulary size.
        hidden: Hidden size.
        intermediate: Width of the feed-forward layers.
        layers: Decoder layers.
        heads: Attention heads.
        kv_heads: Key-value heads.
        window: Context window in tokens, prompt and answer together.
        prompt_tokens: Maximum tokens of a prompt.
        dtype: Type of the saved weights, and of the arithmetic unless the engine overrides it.
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
    # Small enough for any machine. 512 tokens per chunk; with more, attention would dominate such a cheap model.
    "tiny": LlamaShape(2048, 64, 128, 2, 2, 2, 2048, 512, "float32"),
    # Eight layers of SmolLM2-135M (arXiv 2502.02737), as in the refiner that ships with the project. It scores lines
    # rather than writing programs, at the same cost per token. Its own vocabulary is larger than pages at hand give.
    "bundled": LlamaShape(6144, 576, 1536, 8, 9, 3, 2048, 1500, "bfloat16"),
    # The smallest released ProX refiner (TLM-XS, arXiv 2409.17115, appendix B): 354,284,800 parameters. Chunks have at
    # most 1,500 tokens, as in section 3.1.
    "prox-xs": LlamaShape(32_000, 1280, 2048, 24, 16, 1, 2048, 1500, "bfloat16"),
}


def make_llama(folder: Path, shape: LlamaShape, texts: Sequence[str], seed: int = 0) -> Path:
    """Save a Llama with random weights (safetensors) and a byte-level BPE tokenizer; return the folder.

    Args:
        folder: Output folder; created if missing.
        shape: Size of the model.
        texts: Texts to train the tokenizer on.
        seed: Seed of the weights.

    Raises:
        ValueError: There are too few texts for the shape's vocabulary.
    """
    save_weights(folder, shape, make_tokenizer(folder, shape, texts), seed)
    return folder


def save_weights(folder: Path, shape: LlamaShape, end: int, seed: int = 0) -> None:
    """Save a Llama with random weights whose end-of-sequence token is `end`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
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


def make_tokenizer(folder: Path, shape: LlamaShape, texts: Sequence[str]) -> int:
    """Save a byte-level BPE tokenizer with the shape's vocabulary size; return its end-of-sequence token id.

    Raises:
        ValueError: There are too few texts for the shape's vocabulary.
    """
    tokenizer = train_tokenizer(texts, shape.vocabulary, (), shape.window)
    if len(tokenizer) != shape.vocabulary:
        raise ValueError(
            f"{len(texts)} texts give only {len(tokenizer):,} of {shape.vocabulary:,} tokens: use more pages"
        )
    tokenizer.save_pretrained(folder)
    return cast("int", tokenizer.eos_token_id)
