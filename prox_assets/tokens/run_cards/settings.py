"""What a run card is made for, as people write it in a defs.yaml or as options of `prox run-card`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.proof.pretraining.presets import PRESETS
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.tokens.settings import NAME

TrainerName = Literal["trainer", "olmo_core", "megatron", "litgpt"]
TRAINERS: tuple[TrainerName, ...] = ("trainer", "olmo_core", "megatron", "litgpt")


class RunCardSettings(BaseModel):
    """A recipe, and what is to be other than it says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str = Field(description=f"Base model and settings to train it with: {', '.join(PRESETS)}.")
    name: str | None = Field(default=None, pattern=NAME, description="Name of the card; the recipe's if unset.")
    base: str | None = Field(
        default=None,
        # It becomes part of scripts.
        pattern=r"^[^\x00-\x1f\"\\]+$",
        description="Folder or hub name of the recipe's base, where you keep it elsewhere.",
    )
    base_tokenizer: str | None = Field(
        default=None,
        description="Folder or tokenizer.json of the base's tokenizer, to compare with; the base's own if unset.",
    )
    tokens: int | None = Field(default=None, ge=1, description="Tokens to train on; those of the recipe if unset.")
    epochs: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Or how often to pass over the tokens of the split train."
    )
    context: int | None = Field(default=None, ge=8, description="Tokens of a sequence; those of the recipe if unset.")
    batch_tokens: int | None = Field(default=None, ge=8, description="Tokens of a step; those of the recipe if unset.")
    micro_batch: int | None = Field(default=None, ge=1, description="Sequences that a device holds at once, at most.")
    devices: int = Field(default=8, ge=1, description="Devices that share a step.")
    trainers: tuple[TrainerName, ...] = Field(
        default=TRAINERS, min_length=1, description="Trainers that files are written for."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.tokens is not None and self.epochs is not None:
            raise ValueError("tokens and epochs: give one of them")
        model = self.model  # a wrong recipe, and what the recipe refuses, is an error of the settings
        if self.base is not None and model.base is None:
            raise ValueError(f"base: {self.recipe} starts from random weights")
        return self

    @property
    def card_name(self) -> str:
        """Name of the card, and of its folder."""
        return self.name or self.recipe

    @property
    def model(self) -> LlamaModel:
        """The recipe with what is other."""
        changed = {"context": self.context, "batch_tokens": self.batch_tokens, "micro_batch": self.micro_batch}
        given = {name: value for name, value in changed.items() if value is not None}
        return LlamaModel.model_validate({"kind": "llama", "name": self.card_name, "preset": self.recipe, **given})
