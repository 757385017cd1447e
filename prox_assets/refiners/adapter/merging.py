"""Joins an adapter with its base: a plain Llama folder in a cache, which transformers and vLLM load alike.

The folder is made at first use, in seconds, and put in place atomically. Its name is a hash of base, adapter and this
module's version, so a new adapter never meets an old folder.
"""

import io
import os
import shutil
import tempfile
import time
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from prox_assets.engines.extras import packages_of
from prox_assets.refiners.adapter.bases import BaseModel, find_base
from prox_assets.refiners.adapter.format import (
    LABELS,
    NORM,
    PARTS,
    SETTINGS_FILE,
    TABLE,
    TENSORS_FILE,
    UPDATED,
    AdapterSettings,
    low_rank_names,
    read_settings,
)
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import ModelFiles, file_hash
from prox_assets.refiners.user_cache import CACHE_VARIABLE, user_cache

if TYPE_CHECKING:
    import torch

# Raise this when the same base and adapter give another model.
_VERSION = 1
# Making a model takes seconds.
_ABANDONED_SECONDS = 3600


def merged_model(folder: Path) -> ModelFiles:
    """Return the model that an adapter and its base make together; it is made if the cache lacks it.

    The hashes cover the base's weights, the adapter and the number of layers, rather than the merged weights, which
    another release of torch may round differently.

    Raises:
        RefinerError: The adapter or its base is missing or damaged, or they do not fit each other.
    """
    settings = read_settings(folder)
    base = find_base(settings.base)
    place = _place(folder, base)
    if not place.is_dir():
        _make(folder, settings, base, place)
    return ModelFiles(place, None, place.name, xxhash.xxh3_128_hexdigest(f"tokenizer {place.name}".encode()))


def forget_merged_model(folder: Path) -> None:
    """Take the model of an adapter out of the cache, which it fills with 200 MB; `merged_model` makes it again.

    Raises:
        RefinerError: As `merged_model`.
    """
    place = _place(folder, find_base(read_settings(folder).base))
    if place.is_dir():
        # Renamed first, because nobody may take what is left of a folder for a whole one.
        _remove(place.rename(place.with_name(f".{place.name}-{os.getpid()}")))


def _place(folder: Path, base: BaseModel) -> Path:
    digest = xxhash.xxh3_128(f"{_VERSION} {base.weights_hash}".encode())
    for name in (SETTINGS_FILE, TENSORS_FILE):
        digest.update(file_hash(folder / name).encode())
    return cache_folder() / digest.hexdigest()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def cache_folder() -> Path:
    """Return the folder of merged models, in the user's cache."""
    return user_cache() / "models"


def _make(folder: Path, settings: AdapterSettings, base: BaseModel, place: Path) -> None:
    """Make the merged model in a folder beside its place, then move it there; another process may come first."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(place.parent)
        fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise RefinerError(
            f"The model that {folder} makes with its base needs a cache: {error}. Set {CACHE_VARIABLE} to a folder "
            "that can be written."
        ) from error
    try:
        with packages_of("models", RefinerError):
            _write(folder, settings, base, fresh)
        try:
            fresh.rename(place)
        except OSError:
            if not place.is_dir():
                raise
    finally:
        _remove(fresh)


def _remove_abandoned(cache: Path) -> None:
    """Remove what processes that were killed left half done."""
    oldest = time.time() - _ABANDONED_SECONDS
    for folder in cache.glob(".*-*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < oldest:
                _remove(folder)


def _write(folder: Path, settings: AdapterSettings, base: BaseModel, place: Path) -> None:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file
    from transformers import GenerationConfig

    try:
        tensors = load_file(folder / TENSORS_FILE)
    except (SafetensorError, OSError) as error:
        raise RefinerError(f"{folder / TENSORS_FILE} is damaged: {error}") from error
    model = load_base(base)
    tokenizer = tokenizer_with(base, settings.tokens)
    try:
        weights = _merged(model.state_dict(), tensors, settings, tokenizer)
    except (KeyError, RuntimeError, IndexError, ValueError) as error:
        raise RefinerError(f"The adapter in {folder} does not fit the base {settings.base}: {error}") from error
    model.config.update(
        {
            "num_hidden_layers": settings.layers,
            "vocab_size": len(tokenizer),
            "tie_word_embeddings": settings.labels is None,
            "dtype": "bfloat16",
        }
    )
    stored = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in weights.items()}
    save_file(stored, place / "model.safetensors", metadata={"format": "pt"})
    model.config.save_pretrained(place)
    GenerationConfig(eos_token_id=tokenizer.eos_token_id).save_pretrained(place)
    tokenizer.save_pretrained(place)


def _merged(
    state: "dict[str, torch.Tensor]",
    tensors: "dict[str, torch.Tensor]",
    settings: AdapterSettings,
    tokenizer: Any,  # noqa: ANN401
) -> "dict[str, torch.Tensor]":
    """Return the weights of the merged model, in float32."""
    import torch

    tensors = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    weights = {}
    for layer in range(settings.layers):
        prefix = f"model.layers.{layer}"
        for module in UPDATED:
            down, up = (tensors[name] for name in low_rank_names(layer, module))
            name = f"{prefix}.{module}.weight"
            weights[name] = state[name].float() + up @ down
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}.{norm}.weight"] = state[f"{prefix}.{norm}.weight"].float()
    weights["model.norm.weight"] = tensors[NORM]
    embeddings = state["model.embed_tokens.weight"].float()
    if settings.labels is None:
        return {**weights, "model.embed_tokens.weight": embeddings}
    if len(embeddings) + len(tensors[TABLE]) != len(tokenizer):
        raise ValueError(f"there are {len(embeddings)} + {len(tensors[TABLE])} vectors for the {len(tokenizer)} tokens")
    # The table's -1 takes the row of zeros that follows the parts.
    parts = torch.cat([tensors[PARTS], torch.zeros(1, embeddings.shape[1])])
    weights["model.embed_tokens.weight"] = torch.cat([embeddings, parts[tensors[TABLE].long()].sum(1)])
    # Every token but the two labels has one common vector: only the labels are ever read off.
    *labels, other = tensors[LABELS]
    head = other.repeat(len(tokenizer), 1)
    for token, vector in zip(settings.labels, labels, strict=True):
        head[tokenizer.convert_tokens_to_ids(token)] = vector
    return {**weights, "lm_head.weight": head}


def load_base(base: BaseModel) -> Any:  # noqa: ANN401 (a model of transformers, which is not imported here)
    """Return the base model in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    if base.gguf_file is not None:
        # transformers imports both for such a file, and says which extra of its own lacks.
        import accelerate  # noqa: F401
        import gguf  # noqa: F401

    with redirect_stderr(io.StringIO()):  # transformers shows progress bars
        model: Any = AutoModelForCausalLM.from_pretrained(
            base.folder, dtype="float32", use_safetensors=True, trust_remote_code=False, **base.arguments()
        )
    if base.gguf_file is None:
        return model
    # transformers goes on to call a model from a GGUF file quantized, and neither trains nor saves it.
    del model.config.quantization_config
    with torch.random.fork_rng(devices=[]):
        plain = type(model)(model.config)
    plain.load_state_dict(model.state_dict())
    return plain.eval()


def tokenizer_with(base: BaseModel, tokens: tuple[str, ...]) -> Any:  # noqa: ANN401
    """Return the base's tokenizer with special tokens added to its vocabulary.

    It has no beginning-of-sequence token. Of SmolLM2 that is the token that opens a turn of a chat; a prompt of scored
    lines begins with a special token of the adapter's own, and one for a program with its text.
    """
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    with redirect_stderr(io.StringIO()):  # transformers shows progress bars
        tokenizer: Any = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False, **base.arguments())
    tokenizer.bos_token = None
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in tokens], special_tokens=True)
    return tokenizer
