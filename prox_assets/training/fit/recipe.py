"""The hyperparameters of a training run, as pydantic models."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ModelShape(BaseModel):
    """The size of a Llama to train from scratch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(default=6144, ge=300, description="Largest vocabulary of its byte-level BPE.")
    hidden: int = Field(default=192, ge=64, description="Width; a multiple of head_size.")
    intermediate: int = Field(default=512, ge=64, description="Width of the feed-forward layers.")
    layers: int = Field(default=4, ge=1, description="Decoder layers.")
    head_size: int = Field(default=64, ge=64, description="Width of an attention head; vLLM must have kernels for it.")

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden % self.head_size:
            raise ValueError(f"hidden {self.hidden} is not a multiple of head_size {self.head_size}")
        return self


class AdapterRecipe(BaseModel):
    """An adapter to train on a pretrained base."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field(default="smollm2-135m", description="Name of the base model (refiners/adapter/bases.py).")
    layers: int = Field(default=8, ge=1, description="How many of the base's layers to use, from the first.")
    rank: int = Field(default=32, ge=1, description="Rank of the updates of their matrices.")
    token_learning_rate: float | None = Field(
        default=None, gt=0, description="Peak learning rate of the new tokens' vectors; the recipe's if unset."
    )
    head_learning_rate: float | None = Field(
        default=None, gt=0, description="Peak learning rate of the labels' output vectors; the recipe's if unset."
    )


class TrainingRecipe(BaseModel):
    """The settings of a training run.

    The defaults are ProX's fine-tuning (arXiv 2409.17115, section 2.3 and appendix A).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str | None = Field(
        default=None,
        description="Folder or hub id of a Llama-family model to start from; all its weights are trained.",
    )
    adapter: AdapterRecipe | None = Field(default=None, description="The adapter to train, instead of a base.")
    shape: ModelShape | None = Field(
        default=None, description="The model to train from scratch, with a tokenizer of its own; instead of a base."
    )
    epochs: float = Field(default=4.0, gt=0, description="Passes over the training set, unless steps are set.")
    steps: int | None = Field(default=None, ge=1, description="Optimiser steps.")
    batch_size: int = Field(default=64, ge=1, description="Examples per step, for refiners that write programs.")
    micro_batch_size: int = Field(
        default=8, ge=1, description="Examples per forward pass; a step accumulates batch_size."
    )
    batch_tokens: int = Field(
        default=4096, ge=64, description="Most tokens per step, padding included, for scored answers."
    )
    learning_rate: float = Field(default=1e-5, gt=0, description="Peak learning rate.")
    final_learning_rate: float = Field(
        default=1e-6, ge=0, description="Learning rate of the last step, to which it falls by a cosine."
    )
    warmup_steps: int = Field(default=20, ge=0, description="Steps over which the rate rises from zero.")
    weight_decay: float = Field(default=0.0, ge=0, description="Decoupled weight decay.")
    bf16: bool = Field(default=True, description="Compute in bfloat16; weights and optimiser stay float32.")
    token_noise: float = Field(
        default=0.0, ge=0, lt=1, description="Share of text tokens replaced at random, for scored answers."
    )
    checkpoint_steps: int = Field(default=500, ge=1, description="Steps between checkpoints.")
    keep_checkpoints: int = Field(default=8, ge=1, description="How many checkpoints to keep: the newest.")
    seed: int = Field(default=0, description="Seed of weights, order and augmentation.")
    threads: int | None = Field(default=None, ge=1, description="CPU threads; torch's own choice if unset.")
