"""The mean of adapters of one base: the model whose weights are the mean of the models that they make.

The mean of several fine-tunings from the same start is often better than each of them, at the cost of one model
(Wortsman et al., "Model soups", arXiv 2203.05482).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prox_assets.refiners.adapter.format import SETTINGS_FILE, TABLE, TENSORS_FILE, read_settings
from prox_assets.refiners.errors import RefinerError

if TYPE_CHECKING:
    import torch


def mean_of_adapters(folders: Sequence[Path], out: Path) -> None:
    """Write the mean of adapters. Its rank is the sum of theirs: the mean of products is not the product of means.

    Args:
        folders: Folders of at least two adapters with the same base, layers and tokens.
        out: The new adapter's folder.

    Raises:
        RefinerError: An adapter cannot be read, or they do not fit each other.
    """
    import torch
    from safetensors.torch import load_file, save_file

    settings = [read_settings(folder) for folder in folders]
    first = settings[0]
    for folder, other in zip(folders, settings, strict=True):
        if other.model_copy(update={"rank": first.rank}) != first:
            raise RefinerError(f"{folder} has another base, other layers or other tokens than {folders[0]}.")
    adapters = [load_file(folder / TENSORS_FILE) for folder in folders]
    if any(not torch.equal(adapter[TABLE], adapters[0][TABLE]) for adapter in adapters):
        raise RefinerError("The adapters make their tokens of other parts.")
    tensors = {name: _mean(name, [adapter[name] for adapter in adapters]) for name in adapters[0]}
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, out / TENSORS_FILE)
    rank = sum(one.rank for one in settings)
    text = first.model_copy(update={"rank": rank}).model_dump_json(indent=1)
    (out / SETTINGS_FILE).write_text(f"{text}\n", encoding="utf-8")


def _mean(name: str, tensors: "Sequence[torch.Tensor]") -> "torch.Tensor":
    import torch

    if name == TABLE:
        return tensors[0]
    if name.endswith(".down"):
        return torch.cat([*tensors])
    if name.endswith(".up"):
        return torch.cat([tensor / len(tensors) for tensor in tensors], dim=1)
    return torch.stack([tensor.float() for tensor in tensors]).mean(0).to(tensors[0].dtype)
