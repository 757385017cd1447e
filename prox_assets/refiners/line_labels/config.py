"""The settings of the line-labels dialect: the tokens that frame, shorten, number and label lines, and judge documents.

prompts.py builds the prompts from them.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.refiners.spans.config import InlineSettings


class LineLabelsSettings(BaseModel):
    """How a chunk becomes tokens: a start token, two place tokens, then every line followed by its number token.

    The place tokens say whether the chunk is at the top of its document, at the bottom, or in the middle. Every token
    named here must be a special token of the tokenizer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_token: str = Field(default="<doc>", description="First token of a prompt.")
    top_token: str = Field(default="<top>", description="The chunk begins with the document's first line.")
    bottom_token: str = Field(default="<bot>", description="The chunk ends with the document's last line.")
    middle_token: str = Field(default="<mid>", description="Stands in for top or bottom where the chunk is not there.")
    keep_token: str = Field(default="<K>", description="The label of a line that stays.")
    remove_token: str = Field(default="<R>", description="The label of a line that goes.")
    backward_token: str | None = Field(
        default=None,
        description="Where set, a chunk is read twice, the second time from its last line to its first behind this "
        "token in place of start_token, and a line's log-odds are the mean of both readings: one has seen what comes "
        "before the line, the other what comes after it. None: chunks are read once.",
    )
    surroundings: bool = Field(
        default=False,
        description="Tell of each line, in front of its number, where in the document it stands, its shape, and the "
        "shapes and lengths of the lines ahead (surroundings.py); and of the document how long it is.",
    )
    judge_token: str = Field(
        default="<judge>", description="Last token of a document prompt, where the document's label is read off."
    )
    number_format: str = Field(
        default="[{:03d}]", description="Python format of a line's number token, 0-based in its chunk."
    )
    max_lines: int = Field(
        default=128, ge=1, description="Lines of a chunk at most; number tokens must exist up to it."
    )
    max_line_tokens: int = Field(default=12, ge=1, description="A line with more tokens is shortened.")
    max_line_characters: int = Field(default=90, ge=1, description="A line with more characters is shortened too.")
    head_tokens: int = Field(default=9, ge=0, description="Tokens kept at the head of a shortened line.")
    tail_tokens: int = Field(default=2, ge=0, description="Tokens kept at its tail.")
    elision_tokens: tuple[str, ...] = Field(
        default=tuple(f"<cut{bucket}>" for bucket in range(8)),
        min_length=1,
        description="Stand for the tokens left out of a shortened line, one for each bucket of their number.",
    )
    elision_bounds: tuple[int, ...] = Field(
        default=(4, 8, 16, 32, 64, 128, 256),
        description="Largest number of left-out tokens of each bucket but the last, which has no bound.",
    )

    inline: InlineSettings | None = Field(
        default=None,
        description="Where set, spans inside lines are judged too, and those that are noise become normalize calls.",
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
