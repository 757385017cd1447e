"""An adapter to train: low-rank updates of a base's first layers, and what it needs to score lines or write programs.

An adapter that scores has vectors of new tokens and a head for two labels. One that writes programs has neither: what
it writes is read off by the base's own embeddings. Everything else in the model is frozen, and left out of checkpoints.
`adapter_files` turns a checkpoint into the files that refiners/adapter/ joins with the base.

LoRA: Hu et al., arXiv 2106.09685.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prox_assets.refiners.adapter import format as names
from prox_assets.refiners.adapter.bases import find_base
from prox_assets.refiners.adapter.format import AdapterSettings, read_settings
from prox_assets.refiners.adapter.merging import load_base, tokenizer_with
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.surroundings import FACTORS, LINE_TOKENS, line_token_values
from prox_assets.training.data.vocabulary import special_tokens
from prox_assets.training.fit.adapter_layers import frozen_vectors, label_head, low_rank_linear, token_vectors
from prox_assets.training.fit.recipe import AdapterRecipe, TrainingRecipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Standard deviation, per dimension, of a new token's first vector around the mean of the base's vectors, whose own is
# 0.14.
NEW_TOKEN_SPREAD = 0.02
ADAPTER_LABELS = (0, 1)
"""Rows of an adapter's output layer for the labels keep and remove; the third is every other token."""


@dataclass(frozen=True)
class Adapter:
    """A model whose adapter is to be trained.

    Attributes:
        model: The frozen base with the adapter's parts in it. Where it scores, its output layer has three rows: keep,
            remove, other.
        tokenizer: The base's tokenizer with the dialect's tokens, if there are any.
        settings: What the adapter's files will say.
    """

    model: PreTrainedModel
    tokenizer: Any
    settings: AdapterSettings


def new_adapter(recipe: TrainingRecipe, labels: LineLabelsSettings | None) -> Adapter:
    """Return an untrained adapter: it changes nothing of the base, and gives both labels the same probability.

    Args:
        recipe: With `adapter` set; `bf16` says whether the frozen weights are held and multiplied in bfloat16.
        labels: The dialect: its special tokens are added, and its keep and remove token get the head. None for an
            adapter that writes programs.

    Raises:
        RefinerError: The base is missing, or has fewer layers.
    """
    size = recipe.adapter or AdapterRecipe()
    settings = AdapterSettings(base=size.base, layers=size.layers, rank=size.rank)
    if labels is not None:
        own = {"keep_token": labels.keep_token, "remove_token": labels.remove_token}
        settings = settings.model_copy(update={"tokens": tuple(special_tokens(labels)), **own})
    return _assembled(settings, bf16=recipe.bf16, seed=recipe.seed)


def trained_adapter(folder: Path, *, bf16: bool) -> Adapter:
    """Return the adapter in a folder, to train it further.

    Raises:
        RefinerError: The folder holds no adapter, or its base is missing.
    """
    from safetensors.torch import load_file

    adapter = _assembled(read_settings(folder), bf16=bf16, seed=0)
    tensors = load_file(folder / names.TENSORS_FILE)
    tensors.pop(names.TABLE, None)
    adapter.model.load_state_dict({_state_name(name): tensor.float() for name, tensor in tensors.items()}, strict=False)
    return adapter


def adapter_files(checkpoint: Path, adapter: Adapter, folder: Path) -> None:
    """Write a checkpoint's adapter as the files that `refiners.adapter` reads; weights become bfloat16.

    Args:
        checkpoint: A folder that the Trainer saved.
        adapter: What was trained.
        folder: Where the two files go.
    """
    import torch
    from safetensors.torch import load_file, save_file

    state = load_file(checkpoint / "model.safetensors")
    trained = [name for name, parameter in adapter.model.named_parameters() if parameter.requires_grad]
    tensors = {_file_name(name): state[name].to(torch.bfloat16).contiguous() for name in trained}
    if adapter.settings.labels is not None:
        tensors[names.TABLE] = cast("torch.Tensor", adapter.model.get_input_embeddings().table).to(torch.int16)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / names.TENSORS_FILE)
    text = adapter.settings.model_dump_json(indent=1, exclude_defaults=True)
    (folder / names.SETTINGS_FILE).write_text(f"{text}\n", encoding="utf-8")


def _assembled(settings: AdapterSettings, *, bf16: bool, seed: int) -> Adapter:
    import torch

    base = find_base(settings.base)
    model = load_base(base)
    if settings.layers > len(model.model.layers):
        raise RefinerError(f"{settings.base} has {len(model.model.layers)} layers, not {settings.layers}.")
    tokenizer = tokenizer_with(base, settings.tokens)
    model.model.layers = model.model.layers[: settings.layers]
    model.config.update({"num_hidden_layers": settings.layers, "tie_word_embeddings": False})
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    dtype = torch.bfloat16 if bf16 else torch.float32
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in model.model.layers:
            for module in names.UPDATED:
                parent = layer.get_submodule(module.partition(".")[0])
                name = module.partition(".")[2]
                setattr(parent, name, low_rank_linear(getattr(parent, name), settings.rank, dtype))
        embeddings = model.get_input_embeddings().weight.detach()
        gain = model.model.norm.weight.detach()
        if settings.labels is None:
            model.model.embed_tokens, model.lm_head = frozen_vectors(embeddings, dtype)
        else:
            line_break = tokenizer.convert_tokens_to_ids(tokenizer.tokenize("\n"))[0]
            parts = _parts(embeddings, settings.tokens, line_break)
            model.model.embed_tokens = token_vectors(embeddings, *parts, dtype)
            model.lm_head = label_head(embeddings.shape[1], len(tokenizer))
            # The base's gain belongs to its own output vectors.
            gain = torch.ones_like(gain)
    model.model.norm.weight = torch.nn.Parameter(gain.clone())
    return Adapter(model, tokenizer, settings)


def _parts(base: torch.Tensor, tokens: Sequence[str], line_break: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first parts, and the table that says which of them each token is the sum of.

    A line token is the sum of one part that all of them share, at first the base's line break, and of one part per
    factor, at first zero. Any other token has a part of its own.
    """
    import torch

    firsts = [sum(list(FACTORS.values())[:number]) for number in range(len(FACTORS))]
    shared = sum(FACTORS.values())
    line_numbers = {token: number for number, token in enumerate(LINE_TOKENS)}
    own = [token for token in tokens if token not in line_numbers]
    rows = {
        token: [shared, *(first + value for first, value in zip(firsts, line_token_values(number), strict=True))]
        for token, number in line_numbers.items()
    }
    rows |= {token: [shared + 1 + number, *[-1] * len(FACTORS)] for number, token in enumerate(own)}
    vectors = base.mean(0) + NEW_TOKEN_SPREAD * torch.randn(len(own), base.shape[1])
    parts = torch.cat([torch.zeros(shared, base.shape[1]), base[line_break][None], vectors])
    return parts, torch.tensor([rows[token] for token in tokens])


# How the tensors of adapter.safetensors are called in the model that is trained.
_STATE_NAMES = {
    names.PARTS: "model.embed_tokens.parts",
    names.NORM: "model.norm.weight",
    names.LABELS: "lm_head.weight",
}


def _state_name(name: str) -> str:
    return _STATE_NAMES.get(name, f"model.{name}")


def _file_name(name: str) -> str:
    return {state: file for file, state in _STATE_NAMES.items()}.get(name, name.removeprefix("model."))
