"""The settings of decisions inside lines: how a candidate is shown to the model, and when it counts as noise."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prox_assets.refiners.spans.patterns import NoiseKind


class InlineSettings(BaseModel):
    """How a span and its context become a prompt for one decision.

    The prompt is the start token, the text of the line just before the span, the span between its two tokens, the text
    just after it, and the judge token. After the judge token, the keep and remove tokens of the line labels are
    compared. Every token named here must be a special token of the tokenizer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_token: str = Field(default="<norm>", description="First token of a prompt.")
    span_start_token: str = Field(default="<span>", description="Stands before the span.")
    span_end_token: str = Field(default="</span>", description="Stands after the span.")
    judge_token: str = Field(default="<judge>", description="Last token, where the decision is read off.")
    left_tokens: int = Field(default=32, ge=0, description="How many tokens of the line to show before the span.")
    right_tokens: int = Field(default=24, ge=0, description="How many to show after it.")
    span_head_tokens: int = Field(default=15, ge=1, description="Tokens kept at the head of a shortened span.")
    span_tail_tokens: int = Field(default=8, ge=0, description="Tokens kept at its tail.")
    max_span_tokens: int = Field(
        default=24, ge=1, description="A span with more tokens is shortened, with an elision token in its middle."
    )
    remove_threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A span is noise when P(remove) is above this. Part of inference, because the program that "
        "follows is what is stored.",
    )
    max_candidates: int = Field(
        default=256,
        ge=1,
        le=512,
        description="Most candidates of a chunk to judge, from its start; the executor accepts 512 replacements.",
    )
    kinds: tuple[NoiseKind, ...] = Field(
        default=tuple(NoiseKind), min_length=1, description="Kinds of noise to look for."
    )

    @field_validator("kinds")
    @classmethod
    def _in_one_order(cls, kinds: tuple[NoiseKind, ...]) -> tuple[NoiseKind, ...]:
        """Sort the kinds, so that their order does not change the fingerprint."""
        return tuple(sorted(set(kinds), key=list(NoiseKind).index))

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if self.span_head_tokens + self.span_tail_tokens >= self.max_span_tokens:
            raise ValueError("span_head_tokens, span_tail_tokens and an elision token must fit max_span_tokens")
        return self

    @property
    def max_prompt_tokens(self) -> int:
        """Length of the longest prompt in tokens, without a beginning-of-sequence token."""
        return 4 + self.left_tokens + self.max_span_tokens + self.right_tokens

    @property
    def tokens(self) -> tuple[str, ...]:
        """The special tokens that only these prompts use."""
        return (self.start_token, self.span_start_token, self.span_end_token, self.judge_token)
