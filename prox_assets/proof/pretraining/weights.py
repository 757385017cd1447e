"""The finished model of a training: the weights of its last step, or the mean of its last points."""

import shutil
from collections.abc import Sequence
from pathlib import Path

_CONFIGURATION = ("config.json", "generation_config.json")


def publish(folder: Path, points: Sequence[Path], tokenizer_folder: Path) -> None:
    """Write weights, configuration and tokenizer into a model's folder, as transformers loads them.

    Several points are averaged: near the end of a training, their mean is often as good as a longer decay of the
    learning rate (arXiv 2508.13144, section on averaging checkpoints).

    Args:
        folder: The model's folder.
        points: Folders of weights with the same files, in order; the last also gives the configuration.
        tokenizer_folder: Folder of the tokenizer.
    """
    last = points[-1]
    for file in sorted(last.glob("*.safetensors")):
        if len(points) == 1:
            _copy(file, folder)
        else:
            _mean([point / file.name for point in points], folder / file.name)
    for file in (*(last / name for name in _CONFIGURATION), *last.glob("*.safetensors.index.json")):
        if file.is_file():
            _copy(file, folder)
    for file in tokenizer_folder.iterdir():
        if file.is_file() and file.name not in _CONFIGURATION and file.suffix in (".json", ".model", ".txt", ".jinja"):
            _copy(file, folder)


def _copy(file: Path, folder: Path) -> None:
    temporary = folder / f".{file.name}"
    shutil.copyfile(file, temporary)
    temporary.replace(folder / file.name)


def _mean(files: Sequence[Path], out: Path) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(files[-1], "pt") as newest:
        names = list(newest.keys())
        metadata = newest.metadata()
    sums = {}
    for file in files:
        with safe_open(file, "pt") as point:
            for name in names:
                tensor = point.get_tensor(name).to(torch.float64)
                sums[name] = sums[name] + tensor if name in sums else tensor
    temporary = out.with_name(f".{out.name}")
    save_file({name: (total / len(files)).float() for name, total in sums.items()}, temporary, metadata)
    temporary.replace(out)
