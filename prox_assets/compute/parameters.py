"""How many parameters a model has, read from the headers of its files: no weight is loaded."""

import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

# Names that transformers gives to input embeddings, positions and output heads.
_EMBEDDING = re.compile(r"(^|\.)(embed_\w+|wte|wpe|word_embeddings|position_embeddings|lm_head|embed_out)\.")
# Packed weights (GPTQ, AWQ, bitsandbytes) hold several parameters per element.
_PACKED = frozenset({"I32", "U8", "I64", "U32"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """A model's size.

    Attributes:
        total: All parameters; input and output embeddings that share their weights count once.
        without_embeddings: Without those of input, positions and output: N of the formulas.
    """

    total: int
    without_embeddings: int


NO_MODEL = Parameters(0, 0)
"""The size of what runs no language model: rules and classifiers cost time, and no operations that are counted."""


def count_parameters(sizes: Iterable[tuple[str, int]]) -> Parameters:
    """Return the size of a model from its tensors' names, as transformers gives them, and numbers of elements."""
    total = without = 0
    for name, elements in sizes:
        total += elements
        without += 0 if _EMBEDDING.search(name) else elements
    return Parameters(total, without)


def read_parameters(folder: Path) -> Parameters | None:
    """Return the size of the model in a folder with safetensors files; None if it cannot be told.

    The tensors in the files count, so a model that was cut to its first layers counts with these. Where weights are
    packed, config.json decides.

    Raises:
        OSError: A file cannot be read.
    """
    tensors = [item for file in sorted(folder.glob("*.safetensors")) for item in _header(file).items()]
    if not tensors or any(tensor["dtype"] in _PACKED and len(tensor["shape"]) > 1 for _, tensor in tensors):
        return _configured(folder)
    return count_parameters((name, prod(tensor["shape"])) for name, tensor in tensors)


def llama_parameters(config: Mapping[str, Any]) -> Parameters:
    """Return the size of a Llama from the entries of its config.json.

    Per layer: queries and outputs (width x width each), keys and values (width x key-value heads x head), the three
    matrices of the gated MLP, and two norms; one norm at the end.

    Raises:
        KeyError: An entry is missing, as in other architectures.
    """
    width, heads = config["hidden_size"], config["num_attention_heads"]
    head = config.get("head_dim") or width // heads
    keys = (config.get("num_key_value_heads") or heads) * head
    layer = 2 * width * heads * head + 2 * width * keys + 3 * width * config["intermediate_size"] + 2 * width
    without = config["num_hidden_layers"] * layer + width
    embeddings = config["vocab_size"] * width * (1 if config.get("tie_word_embeddings") else 2)
    return Parameters(without + embeddings, without)


def _configured(folder: Path) -> Parameters | None:
    file = folder / "config.json"
    if not file.is_file():
        return None
    try:
        return llama_parameters(json.loads(file.read_text(encoding="utf-8")))
    except KeyError:
        return None


def _header(file: Path) -> dict[str, Any]:
    """Return the tensors of a safetensors file: eight bytes with the header's length, then the header as JSON."""
    with file.open("rb") as stream:
        [length] = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return header
