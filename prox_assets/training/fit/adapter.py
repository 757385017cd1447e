"""An adapter to train: low-rank updates of a base's first layers, vectors of new tokens, and a head for two labels.

Everything else in the model is frozen, and left out of checkpoints. `adapter_files` turns a checkpoint into the files
that refiners/adapter/ joins with the base.

LoRA: Hu et al., arXiv 2106.09685.
"""

from __future__ import annotations

import math
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
        model: The frozen base with the adapter's parts in it; its output layer has three rows: keep, remove, other.
        tokenizer: The base's tokenizer with the dialect's tokens.
        settings: What the adapter's files will say.
    """

    model: PreTrainedModel
    tokenizer: Any
    settings: AdapterSettings


def new_adapter(recipe: TrainingRecipe, labels: LineLabelsSettings) -> Adapter:
    """Return an untrained adapter: it changes nothing of the base, and gives both labels the same probability.

    Args:
        recipe: With `adapter` set; `bf16` says whether the frozen weights are held and multiplied in bfloat16.
        labels: The dialect: its special tokens are added, and its keep and remove token get the head.

    Raises:
        RefinerError: The base is missing, or has fewer layers.
    """
    size = recipe.adapter or AdapterRecipe()
    settings = AdapterSettings(
        base=size.base,
        layers=size.layers,
        rank=size.rank,
        tokens=tuple(special_tokens(labels)),
        keep_token=labels.keep_token,
        remove_token=labels.remove_token,
    )
    return _assembled(settings, bf16=recipe.bf16, seed=recipe.seed)


def trained_adapter(folder: Path, *, bf16: bool) -> Adapter:
    """Return the adapter in a folder, to train it further.

    Raises:
        RefinerError: The folder holds no adapter, or its base is missing.
    """
    from safetensors.torch import load_file

    adapter = _assembled(read_settings(folder), bf16=bf16, seed=0)
    tensors = load_file(folder / names.TENSORS_FILE)
    tensors.pop(names.TABLE)
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
    tensors[names.TABLE] = cast("torch.Tensor", adapter.model.get_input_embeddings().table).to(torch.int16)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / names.TENSORS_FILE)
    text = adapter.settings.model_dump_json(indent=1)
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
                setattr(parent, name, _low_rank_linear(getattr(parent, name), settings.rank, dtype))
        embeddings = model.get_input_embeddings().weight.detach()
        line_break = tokenizer.convert_tokens_to_ids(tokenizer.tokenize("\n"))[0]
        model.model.embed_tokens = _token_vectors(embeddings, settings.tokens, line_break, dtype)
        model.lm_head = _label_head(embeddings.shape[1], len(tokenizer))
    # The base's gain belongs to its last layer, which is not used here.
    model.model.norm.weight = torch.nn.Parameter(torch.ones_like(model.model.norm.weight))
    return Adapter(model, tokenizer, settings)


def _low_rank_linear(base: Any, rank: int, dtype: torch.dtype) -> Any:  # noqa: ANN401 (torch is imported below)
    import torch
    from torch.nn import functional

    class LowRankLinear(torch.nn.Module):
        """A frozen linear layer, and the product of two small matrices that is added to it."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", base.weight.detach().to(dtype), persistent=False)
            self.down = torch.nn.Parameter(torch.empty(rank, base.in_features))
            self.up = torch.nn.Parameter(torch.zeros(base.out_features, rank))
            torch.nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            weight = cast("torch.Tensor", self.weight)
            update = functional.linear(functional.linear(states, self.down), self.up)
            return functional.linear(states, weight) + update

    return LowRankLinear()


def _token_vectors(base: torch.Tensor, tokens: Sequence[str], line_break: int, dtype: torch.dtype) -> Any:  # noqa: ANN401
    import torch
    from torch.nn import functional

    parts, table = _parts(base, tokens, line_break)

    class TokenVectors(torch.nn.Module):
        """The base's vectors, frozen, and those of new tokens, each the sum of a few trained parts."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", base.to(dtype), persistent=False)
            self.register_buffer("table", table, persistent=False)
            self.parts = torch.nn.Parameter(parts)

        def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
            known = cast("torch.Tensor", self.weight)
            vectors = known[token_ids.clamp(max=len(known) - 1)].float()
            new = token_ids >= len(known)
            wanted = cast("torch.Tensor", self.table)[token_ids[new] - len(known)]
            # The table's -1 takes the row of zeros that is appended.
            vectors[new] = functional.pad(self.parts, (0, 0, 0, 1))[wanted].sum(1)
            return vectors

    return TokenVectors()


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


def _label_head(width: int, vocabulary: int) -> Any:  # noqa: ANN401
    import torch
    from torch.nn import functional

    class LabelHead(torch.nn.Module):
        """Logits of the keep token, of the remove token, and of all other tokens, which share one vector."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3, width))

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            others = torch.tensor([0.0, 0.0, math.log(vocabulary - 2)], device=states.device)
            with torch.autocast(states.device.type, enabled=False):
                return functional.linear(states.float(), self.weight) + others

    return LabelHead()


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
