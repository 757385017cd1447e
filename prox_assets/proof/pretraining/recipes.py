"""Model sizes and training settings, as data: DataDecide's ladder, ProX's sizes, DCLM's 411M, and the maths bases."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LlamaModel(BaseModel):
    """A Llama to pre-train, or a pretrained model whose training goes on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["llama"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$", description="Name of the model.")
    seeds: int = Field(default=3, ge=1, description="Initial weights and document orders, one model each.")
    tokens: int | None = Field(default=None, ge=1, description="Training tokens; those of the proof if unset.")
    arms: tuple[str, ...] | None = Field(default=None, description="Arms to train it on; all if unset.")
