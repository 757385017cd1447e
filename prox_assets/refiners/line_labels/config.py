"""The settings of the line-labels dialect: its special tokens, and how long lines are shortened."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.refiners.spans.config import InlineSettings


class LineLabelsSettings(BaseModel):
    """How a chunk becomes tokens: a start token, two place tokens, the document's size, then every line.

    The place tokens say whether the chunk is at the top of its document, at the bottom, or in the middle. A line ends
    with a token that tells what surrounds it (surroundings.py). Every token named here or there must be a special token
    of the tokenizer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_token: str = Field(default="<doc>", description="First token of a prompt.")
    top_token: str = Field(default="<top>", description="The chunk begins with the document's first line.")
    bottom_token: str = Field(default="<bot>", description="The chunk ends with the document's last line.")
    middle_token: str = Field(default="<mid>", description="Replaces either where the chunk is not at that end.")
    keep_token: str = Field(default="<K>", description="The label of a line that stays.")
    remove_token: str = Field(default="<R>", description="The label of a line that goes.")
    judge_token: str = Field(default="<judge>", description="Ends a document prompt; its label is read off there.")
    max_line_tokens: int = Field(default=12, ge=1, description="A line with more tokens is shortened.")
    max_line_characters: int = Field(default=90, ge=1, description="A line with more characters is shortened too.")
    head_tokens: int = Field(default=9, ge=0, description="Tokens kept at the head of a shortened line.")
    tail_tokens: int = Field(default=3, ge=0, description="Tokens kept at its tail.")
    elision_tokens: tuple[str, ...] = Field(
        default=tuple(f"<cut{bucket}>" for bucket in range(8)),
        min_length=1,
        description="Stand for what is left out of a shortened line; how much that is decides which one is used.",
    )
    elision_bounds: tuple[int, ...] = Field(
        default=(4, 8, 16, 32, 64, 128, 256),
        description="The most left-out tokens that each elision token stands for; the last one has no limit.",
    )

    inline: InlineSettings | None = Field(
        default=None, description="If set, spans inside lines are judged too; noise becomes normalize calls."
    )

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if len(self.elision_bounds) != len(self.elision_tokens) - 1:
            raise ValueError("elision_bounds needs one bound for each elision token but the last")
        if list(self.elision_bounds) != sorted(set(self.elision_bounds)):
            raise ValueError("elision_bounds must rise")
        if self.head_tokens + self.tail_tokens > self.max_line_tokens:
            raise ValueError("head_tokens and tail_tokens together must not exceed max_line_tokens")
        return self


# How refiners of another dialect are stored: with the default settings of earlier releases, which none of them reads.
# Dagster's code versions cover the stored form, and a change would show every corpus that they refined as outdated.
STORED_BY_OTHER_DIALECTS: dict[str, Any] = {
    "start_token": "<doc>",
    "top_token": "<top>",
    "bottom_token": "<bot>",
    "middle_token": "<mid>",
    "keep_token": "<K>",
    "remove_token": "<R>",
    "backward_token": None,
    "surroundings": False,
    "judge_token": "<judge>",
    "number_format": "[{:03d}]",
    "max_lines": 128,
    "max_line_tokens": 12,
    "max_line_characters": 90,
    "head_tokens": 9,
    "tail_tokens": 2,
    "elision_tokens": [f"<cut{bucket}>" for bucket in range(8)],
    "elision_bounds": [4, 8, 16, 32, 64, 128, 256],
    "inline": None,
}
