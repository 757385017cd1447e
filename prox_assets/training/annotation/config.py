"""The settings of an annotation run, limits and prices included, and the tokens that count against them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.engines.config import ServerEngineConfig

_SET_BY_ANNOTATION = frozenset({"model", "messages", "temperature", "max_tokens", "n", "stream"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of prompts and of answers."""

    prompt: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt + self.completion

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)


class AnnotatorConfig(BaseModel):
    """A chat model behind an OpenAI-compatible server, how to ask it, and what that may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(
        pattern=r"^https?://[^/\s]+",
        description="For example http://127.0.0.1:8000 (with or without the trailing /v1).",
    )
    model: str | None = Field(default=None, description="Served model name; optional if the server serves only one.")
    api_key_env: str = Field(
        default="PROX_ANNOTATOR_API_KEY",
        description="Name of the environment variable that holds the API key, never the key; no key is sent if unset.",
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 takes the likeliest token each time.")
    max_tokens: int = Field(
        default=512,
        ge=1,
        description="Longest answer in tokens; a truncated answer is not used. Models that think before they answer "
        "need thousands, or have their thinking turned off through `extra`.",
    )
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fields of every request, such as "
        '{"chat_template_kwargs": {"enable_thinking": false}}. A change asks every question anew.',
    )
    prompts: Path | None = Field(
        default=None,
        description="Folder with your own prompt files, named like the bundled ones; the bundled v1 if unset.",
    )
    concurrency: int = Field(default=16, ge=1, description="Questions in flight at a time.")
    max_retries: int = Field(
        default=5, ge=0, description="Further attempts after a 429, a 5xx, a timeout or a broken connection."
    )
    request_timeout_seconds: float = Field(default=120.0, gt=0, description="Time limit of one HTTP attempt.")
    max_failures_in_a_row: int = Field(
        default=20,
        ge=1,
        description="Stop after this many questions in a row that the server refused or failed to answer: the cause is "
        "then unlikely to be a document.",
    )
    attempts: int = Field(
        default=3,
        ge=1,
        description="How often a question is asked before a refusal or unusable answer becomes the row's error. Later "
        "attempts tell the model what was wrong, so they differ even at temperature 0.",
    )
    max_document_characters: int = Field(
        default=8_000,
        ge=1,
        description="A longer document is judged by its head: about 2,000 tokens of English, as much as the released "
        "document refiner sees.",
    )
    chunk_characters: int = Field(
        default=6_000,
        ge=16,
        description="Longest chunk in characters, line labels included: about 1,500 tokens of English, the window of "
        "the ProX paper. A longer line becomes a row without a program.",
    )
    max_removed_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="A merged program that removes a larger share of the chunk's visible characters is not used; 1 "
        "accepts all. The ProX paper has such a bound but does not give it. Chunks come from kept documents, so one "
        "that is nine tenths noise is rarer than an annotator that deletes too much.",
    )
    budget_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Most prompt and completion tokens over all runs with the same folder; no limit if unset.",
    )
    budget_cost: float | None = Field(
        default=None,
        gt=0,
        description="Highest cost over all runs with the same folder, in the currency of the prices.",
    )
    prompt_price_per_million: float | None = Field(
        default=None, ge=0, description="Price of a million prompt tokens, in any currency."
    )
    completion_price_per_million: float | None = Field(
        default=None, ge=0, description="Price of a million generated tokens, in the same currency."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.prompt_price_per_million is None) != (self.completion_price_per_million is None):
            raise ValueError("set both prompt_price_per_million and completion_price_per_million, or neither")
        if self.budget_cost is not None and self.prompt_price_per_million is None:
            raise ValueError("budget_cost needs prompt_price_per_million and completion_price_per_million")
        taken = sorted(_SET_BY_ANNOTATION & self.extra.keys())
        if taken:
            raise ValueError(f"extra may not set {', '.join(taken)}: a run sets them itself")
        return self

    def cost(self, tokens: Tokens) -> float | None:
        """Return the cost of these tokens, in the currency of the prices; None without prices."""
        if self.prompt_price_per_million is None or self.completion_price_per_million is None:
            return None
        prompts = tokens.prompt * self.prompt_price_per_million
        return (prompts + tokens.completion * self.completion_price_per_million) / 1e6

    def server(self) -> ServerEngineConfig:
        """Return the settings of the HTTP client."""
        return ServerEngineConfig.model_validate(self.model_dump(include=set(ServerEngineConfig.model_fields)))
