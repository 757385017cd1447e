"""The files of an adapter: what was trained on a base model, a few megabytes.

`adapter.json` names the base and what belongs to it; `adapter.safetensors` holds the tensors. training/fit/adapter.py
writes both, and merging.py joins them with the base.

An adapter that scores lines has tokens and output vectors of its own. One that writes programs has neither: it reads
and writes the base's own tokens, and its output vectors are the base's embeddings.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.refiners.errors import RefinerError

SETTINGS_FILE = "adapter.json"
TENSORS_FILE = "adapter.safetensors"

# Names of the tensors. H is the base's width. The first three belong to adapters that score.
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
    tokens: tuple[str, ...] = Field(
        default=(), description="Special tokens that are added to the vocabulary, in order; none for programs."
    )
    keep_token: str | None = Field(default=None, description="The token of the label keep; None for programs.")
    remove_token: str | None = Field(default=None, description="The token of the label remove; None for programs.")

    @property
    def labels(self) -> tuple[str, str] | None:
        """The tokens of the labels keep and remove; None for an adapter that writes programs."""
        if self.keep_token is None or self.remove_token is None:
            return None
        return self.keep_token, self.remove_token

    @model_validator(mode="after")
    def _scores_or_writes(self) -> Self:
        given = (self.keep_token is not None, self.remove_token is not None, bool(self.tokens))
        if any(given) and not all(given):
            raise ValueError("keep_token, remove_token and tokens belong together: give all of them, or none")
        return self


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
