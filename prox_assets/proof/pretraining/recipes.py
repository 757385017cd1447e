"""All arguments of a training: the shape of a Llama or its base, and how it is trained.

A preset (presets.py) fills in whatever the settings leave out.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.proof.pretraining.presets import PRESETS


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LlamaShape(_Settings):
    """The shape of a Llama with random weights."""

    hidden: int = Field(ge=8, description="Width.")
    heads: int = Field(ge=1, description="Attention heads.")
    key_value_heads: int | None = Field(default=None, ge=1, description="Heads of keys and values; all if unset.")
    layers: int = Field(ge=1, description="Decoder layers.")
    intermediate: int = Field(ge=8, description="Width of the feed-forward layers.")
    tied: bool = Field(default=False, description="Whether input and output embeddings are one matrix.")
    rope_base: float = Field(default=10_000.0, gt=0, description="Base of the rotary position embeddings.")
    initial_spread: float = Field(default=0.02, gt=0, description="Standard deviation of the initial weights.")
    embedding_spread: float | None = Field(
        default=None, gt=0, description="The same for input embeddings, where they differ."
    )

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden: {self.hidden} is not an even multiple of {self.heads} heads")
        if self.heads % (self.key_value_heads or self.heads):
            raise ValueError(f"key_value_heads: {self.key_value_heads} does not divide {self.heads} heads")
        return self


class FsdpSettings(_Settings):
    """How PyTorch's FSDP2 splits a model among processes."""

    reshard_after_forward: bool = Field(
        default=True, description="Whether weights are split again after the forward pass; false needs more memory."
    )
    activation_checkpointing: bool = Field(default=False, description="Whether activations are computed twice.")
    cpu_offload: bool = Field(default=False, description="Whether weights and optimiser wait in the CPU's memory.")


class LlamaModel(_Settings):
    """A Llama to pre-train, or a pretrained model whose training goes on."""

    kind: Literal["llama"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$", description="Name of the model.")
    seeds: int = Field(default=3, ge=1, description="Initial weights and document orders, one model each.")
    tokens: int | None = Field(
        default=None, ge=1, description="Training tokens; those of the preset, else of the proof, if unset."
    )
    arms: tuple[str, ...] | None = Field(default=None, description="Arms to train it on; all if unset.")

    preset: str | None = Field(default=None, description=f"What fills in the rest: {', '.join(PRESETS)}.")
    shape: LlamaShape | None = Field(default=None, description="Shape of a model that starts from random weights.")
    base: str | None = Field(
        default=None,
        description="Or the pretrained model to start from, with its own tokenizer: folder, hub name, or smollm2-135m.",
    )
    vocabulary: int | None = Field(
        default=None,
        ge=300,
        description="Size of a tokenizer of its own, trained like the proof's; very small models learn sooner with one "
        "that is smaller than n-gram models want.",
    )
    rope_base: float | None = Field(
        default=None, gt=0, description="Base of a pretrained model's rotary position embeddings, where it is changed."
    )
    context: int = Field(default=2048, ge=8, description="Tokens of a sequence.")

    batch_tokens: int = Field(default=524_288, ge=8, description="Tokens of a step: a multiple of the context.")
    micro_batch: int = Field(default=8, ge=1, description="Sequences that a device holds at once, at most.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Highest learning rate.")
    final_learning_rate: float = Field(default=1e-4, ge=0, description="Learning rate at the end of the schedule.")
    schedule: Literal["cosine", "warmup_stable_decay"] = Field(
        default="cosine", description="How the learning rate falls: all along, or linearly at the end."
    )
    warmup_steps: int = Field(default=0, ge=0, description="Steps until the highest learning rate.")
    decay: float = Field(
        default=0.2, gt=0, le=1, description="Share of the schedule in which warmup_stable_decay lets the rate fall."
    )
    stop: float = Field(default=1.0, gt=0, le=1, description="Share of the schedule after which training stops.")
    weight_decay: float = Field(default=0.1, ge=0, description="AdamW's decay of matrices; gains have none.")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW's decay rates of its two moments.")
    clip: float = Field(default=1.0, gt=0, description="Largest norm of the gradient.")

    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="What matrices are multiplied in; auto is bfloat16 where the device has it, float32 elsewhere. "
        "Weights and optimiser are float32.",
    )
    compile: bool = Field(default=False, description="Whether torch.compile makes kernels: a minute, then faster.")
    distributed: Literal["none", "fsdp"] = Field(
        default="none", description="fsdp splits the model among the processes of `accelerate launch`."
    )
    fsdp: FsdpSettings = Field(default_factory=FsdpSettings, description="Options of fsdp.")

    checkpoint_steps: int = Field(
        default=500, ge=10, multiple_of=10, description="Steps between two checkpoints, which a killed run resumes at."
    )
    curve: tuple[float, ...] = Field(
        default=(0.125, 0.25, 0.5), description="Shares of the training after which the weights are kept for scoring."
    )
    average: int = Field(
        default=1, ge=1, description="The final model is the mean of the weights at so many points; 1: the last only."
    )
    average_over: float = Field(
        default=0.1, gt=0, le=1, description="Share of the training, its last part, that these points are spread over."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any) -> Any:  # noqa: ANN401 (whatever was given)
        preset = values.get("preset") if isinstance(values, dict) else None
        if preset is None:
            return values
        if preset not in PRESETS:
            raise ValueError(f"preset: there is no {preset!r}; there are {', '.join(PRESETS)}")
        return {**PRESETS[preset], **values}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.shape is None) == (self.base is None):
            raise ValueError(f"model {self.name} needs a preset, or either shape or base")
        if self.base is not None and self.vocabulary is not None:
            raise ValueError(f"model {self.name}: a base has its own tokenizer, so vocabulary stays unset")
        if self.batch_tokens % self.context:
            raise ValueError(f"batch_tokens: {self.batch_tokens} is not a multiple of the context, {self.context}")
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate: greater than learning_rate")
        if not all(0 < share < 1 for share in self.curve):
            raise ValueError("curve: shares lie between 0 and 1; the finished model is a point of the curve anyway")
        return self

    @property
    def has_tokenizer(self) -> bool:
        """Whether the model has a tokenizer of its own."""
        return self.base is not None or self.vocabulary is not None

    def steps(self, tokens: int) -> int:
        """Return how many whole steps a stream of tokens is enough for; what is left over is not trained on."""
        return tokens // self.batch_tokens
