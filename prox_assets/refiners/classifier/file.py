"""The file of a classifier: arrays and trees as safetensors, with a hash of their contents."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xxhash

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import CLASSIFIER_FILE, find_classifier

FORMAT = "prox-classifier-1"
# Trees are LightGBM's own text, as bytes that zlib packed to a quarter.
TREES = "trees"
ZLIB_LEVEL = 9


def write_classifier(folder: Path, arrays: Mapping[str, np.ndarray], trees: str) -> None:
    """Write arrays and trees into a folder; equal contents give equal bytes."""
    from safetensors.numpy import save_file

    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    tensors[TREES] = np.frombuffer(zlib.compress(trees.encode(), ZLIB_LEVEL), dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    # One entry: safetensors writes several in any order.
    save_file(tensors, folder / CLASSIFIER_FILE, {FORMAT: _hash(tensors)})


def read_classifier(
    folder: Path, shapes: Mapping[str, tuple[int, ...]], further: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[dict[str, np.ndarray], str]:
    """Return the arrays of a classifier as float32, and its trees.

    Args:
        folder: The folder that `write_classifier` wrote to.
        shapes: The names and shapes that the arrays must have.
        further: Those of arrays that all are there or none.

    Raises:
        RefinerError: The file is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    file = find_classifier(str(folder)).path / CLASSIFIER_FILE
    try:
        with safe_open(file, framework="numpy") as opened:
            told = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError, ValueError) as error:
        raise RefinerError(f"{file} cannot be read: {error}. Copy the folder again, or train it anew.") from error
    if FORMAT not in told:
        raise RefinerError(f"{file} is no classifier of this release ({FORMAT}): train it anew.")
    if told[FORMAT] != _hash(tensors):
        raise RefinerError(f"{file} is damaged: its contents do not fit its hash. Copy the folder again.")
    found = {name: tensor.shape for name, tensor in tensors.items() if name != TREES}
    if TREES not in tensors or found not in (dict(shapes), {**shapes, **(further or {})}):
        raise RefinerError(
            f"{file} holds other arrays than this release reads: {json.dumps(found)} instead of "
            f"{json.dumps(dict(shapes))}. Train it anew."
        )
    trees = zlib.decompress(tensors.pop(TREES).tobytes()).decode()
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}, trees


def _hash(tensors: Mapping[str, np.ndarray]) -> str:
    digest = xxhash.xxh3_128()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}\0".encode())
        digest.update(np.ascontiguousarray(tensors[name]).view(np.uint8).data)
    return digest.hexdigest()
