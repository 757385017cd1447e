"""A refiner small enough for any machine: a tiny Llama, overfitted to a few pages on the spot.

It exercises the whole model path, from prompts through an engine to edits, but says nothing about quality: on unseen
pages it answers with programs like those it memorised. Its training pages include those of the prompt-format probe, so
that the probe runs and accepts it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from prox_assets.programs import KeepChunk, Operation, RemoveLines, render
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.probe_pages import PROBE_PAGES
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, ProgramChunkPlanner
from prox_assets.refiners.prompts.document_prompts import DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import prompt_frame
from prox_assets.testing.tiny_models import DEFAULT_TEXTS, make_tiny_llama, overfit

WINDOW = 512
MAX_NEW_TOKENS = 64
VOCABULARY = 1024
STEPS = 150
# Pages with fewer sentences are to be dropped; this fits the probe pages.
MIN_SENTENCES = 3

Pair = tuple[Sequence[int], Sequence[int]]


def make_tiny_refiner(folder: Path, pages: Sequence[str]) -> Path:
    """Train a model per level and write a refiner file for `prox refine --refiner`; return that file.

    Args:
        folder: Output folder; created if missing.
        pages: Some texts like those to be refined, for the vocabulary and for prompts of realistic length.
    """
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)  # for matrices this small, more threads are slower
    settings: dict[str, dict[str, Any]] = {}
    budget = WINDOW - MAX_NEW_TOKENS
    for level in ("doc", "chunk"):
        model = make_tiny_llama(
            folder / level,
            texts=[*DEFAULT_TEXTS, *pages],
            vocab_size=VOCABULARY,
            max_position_embeddings=WINDOW,
        )
        tokenizer = load_tokenizer(model)
        texts = [page.text for page in PROBE_PAGES] + list(pages)
        pairs = _document_pairs(tokenizer, texts, budget) if level == "doc" else _chunk_pairs(tokenizer, texts, budget)
        loss = overfit(model, pairs, steps=STEPS)
        print(f"tiny {level} refiner: {len(pairs)} prompts, loss {loss:.4f} nats per token", flush=True)
        settings[level] = {
            "name": f"tiny-{level}",
            "level": level,
            "model": str(model),
            "prompt_format": "plain",
            "window": WINDOW,
            "max_prompt_tokens": budget,
            "max_new_tokens": MAX_NEW_TOKENS,
        }
    # The grammar makes every answer to an unseen page a program, usually one with edits.
    settings["chunk"] |= {"line_numbers": "chunk", "constrained": True}
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def _document_pairs(tokenizer: PromptTokenizer, texts: Sequence[str], budget: int) -> list[Pair]:
    keep, drop = (encoded.token_ids for encoded in tokenizer.encode(["keep_doc()", "drop_doc()"]))
    prompts = DocumentPromptBuilder(tokenizer, prompt_frame("plain", "doc"), budget).build(texts)
    return [
        (prompt.token_ids, keep if _sentences(text.split("\n")) >= MIN_SENTENCES else drop)
        for text, prompt in zip(texts, prompts, strict=True)
    ]


def _chunk_pairs(tokenizer: PromptTokenizer, texts: Sequence[str], budget: int) -> list[Pair]:
    """Return prompt and answer for the first chunk of each text: cut the lines before and after its sentences."""
    planner = ProgramChunkPlanner(ChunkPrompts(tokenizer, prompt_frame("plain", "chunk"), budget, line_numbers="chunk"))
    pairs: list[Pair] = []
    for text, (first, *_) in zip(texts, planner.plan(texts), strict=True):
        if first.prompt_token_ids:
            lines = text.split("\n")[first.chunk.line_start : first.chunk.line_end + 1]
            pairs.append((first.prompt_token_ids, tokenizer.encode([render(_cut_ends(lines))])[0].token_ids))
    return pairs


def _cut_ends(lines: Sequence[str]) -> list[Operation]:
    sentences = [number for number, line in enumerate(lines) if _sentences([line])]
    if not sentences:
        return [KeepChunk()]
    cuts: list[Operation] = []
    if sentences[0] > 0:
        cuts.append(RemoveLines(0, sentences[0] - 1))
    if sentences[-1] < len(lines) - 1:
        cuts.append(RemoveLines(sentences[-1] + 1, len(lines) - 1))
    return cuts or [KeepChunk()]


def _sentences(lines: Sequence[str]) -> int:
    return sum(line.rstrip().endswith((".", "!", "?")) and len(line.split()) >= 5 for line in lines)
