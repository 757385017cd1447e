"""The files of an adapter: what was trained on a base model, a few megabytes.

`adapter.json` names the base and what belongs to it; `adapter.safetensors` holds the tensors. training/fit/adapter.py
writes both, and merging.py joins them with the base.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.refiners.errors import RefinerError

SETTINGS_FILE = "adapter.json"
TENSORS_FILE = "adapter.safetensors"

# Names of the tensors. H is the base's width.
PARTS = "tokens.parts"
"""Vectors that new tokens are sums of, shape (parts, H)."""
TABLE = "tokens.table"
"""Which parts each new token is the sum of, shape (tokens, most parts), integers; -1 stands for none."""
LABELS = "labels"
"""Output vectors of the keep token, the remove token, and any other token, shape (3, H)."""
NORM = "norm"
"""Gain of the last normalisation, shape (H,)."""


def low_rank_names(layer: int, module: str) -> tuple[str, str]:
    """Return the tensors that are multiplied and added to a layer's matrix: shapes (rank, in) and (out, rank)."""
    return f"layers.{layer}.{module}.down", f"layers.{layer}.{module}.up"


UPDATED = (
    *(f"self_attn.{name}_proj" for name in ("q", "k", "v", "o")),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
)
"""The matrices of a Llama layer that the adapter updates."""


class AdapterSettings(BaseModel):
    """What an adapter was trained on, and what it adds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field(description="Name of the base model (bases.py).")
    layers: int = Field(ge=1, description="How many of the base's layers are used, from the first.")
    rank: int = Field(ge=1, description="Rank of the updates.")
    tokens: tuple[str, ...] = Field(description="Special tokens that are added to the vocabulary, in order.")
    keep_token: str = Field(description="The token of the label keep.")
    remove_token: str = Field(description="The token of the label remove.")


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter instead of a whole model."""
    return (folder / SETTINGS_FILE).is_file()


def read_settings(folder: Path) -> AdapterSettings:
    """Return the settings of the adapter in a folder.

    Raises:
        RefinerError: They cannot be read, or the tensors are missing.
    """
    file = folder / SETTINGS_FILE
    try:
        settings = AdapterSettings.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RefinerError(f"{file} cannot be read as an adapter's settings: {error}") from error
    if not (folder / TENSORS_FILE).is_file():
        raise RefinerError(f"{folder} has {SETTINGS_FILE} but no {TENSORS_FILE}.")
    return settings
