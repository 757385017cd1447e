"""The settings of an annotation run, limits and prices included."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prox_assets.engines.config import ServerEngineConfig

_SET_BY_ANNOTATION = frozenset({"model", "messages", "temperature", "max_tokens", "n", "stream"})


class AnnotatorConfig(BaseModel):
    """A chat model behind an OpenAI-compatible server, how to ask it, and what that may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(
        pattern=r"^https?://[^/\s]+",
        description="For example http://127.0.0.1:8000 (with or without the trailing /v1).",
    )
    model: str | None = Field(default=None, description="Served model name; may be left out where only one is served.")
    api_key_env: str = Field(
        default="PROX_ANNOTATOR_API_KEY",
        description="Name of the environment variable that holds the API key, never the key; no key is sent if unset.",
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 takes the likeliest token each time.")
    max_tokens: int = Field(
        default=512,
        ge=1,
        description="Tokens of an answer at most; one that is cut off there is not used. Models that think before they "
        "answer need thousands, or their thinking turned off through `extra`.",
    )
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fields of every request, such as "
        '{"chat_template_kwargs": {"enable_thinking": false}}. Part of the settings that an answer belongs to.',
    )
    prompts: Path | None = Field(
        default=None,
        description="Folder with prompt files of one's own, named as the bundled ones are; the bundled v1 if unset.",
    )
    concurrency: int = Field(default=16, ge=1, description="Questions under way at one time.")
    max_retries: int = Field(
        default=5, ge=0, description="Further attempts after a 429, a 5xx, a timeout or a broken connection."
    )
    request_timeout_seconds: float = Field(default=120.0, gt=0, description="Time limit of one HTTP attempt.")
    max_failures_in_a_row: int = Field(
        default=20,
        ge=1,
        description="Stop when so many questions in a row were refused by the server, or failed after all retries: "
        "then the cause is not a document.",
    )
    attempts: int = Field(
        default=3,
        ge=1,
        description="How often a question is asked before refusals and unusable answers become the row's error. Later "
        "attempts tell the model what was wrong, so that they differ at temperature 0 too.",
    )
    max_document_characters: int = Field(
        default=8_000,
        ge=1,
        description="A longer document is judged by its head: some 2,000 tokens of English, which is also what the "
        "released document refiner is shown.",
    )
    chunk_characters: int = Field(
        default=6_000,
        ge=16,
        description="Characters of a chunk at most, line labels included: some 1,500 tokens of English, the window of "
        "the ProX paper. A longer line becomes a row without program.",
    )
    max_removed_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="A merged program that takes away a larger share of the chunk's visible characters is not used. "
        "The ProX paper has such a bound and does not print it. Chunks come from kept documents, so one with less than "
        "a tenth of content is rarer than an annotator that deletes too much; 1 lets everything pass.",
    )
    budget_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Prompt and completion tokens at most, over all runs with the same folder; no limit if unset.",
    )
    budget_cost: float | None = Field(
        default=None,
        gt=0,
        description="Cost at most, in the currency of the prices, over all runs with the same folder.",
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

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return the cost of these tokens, in the currency of the prices; None without prices."""
        if self.prompt_price_per_million is None or self.completion_price_per_million is None:
            return None
        prompts = prompt_tokens * self.prompt_price_per_million
        return (prompts + completion_tokens * self.completion_price_per_million) / 1e6

    def server(self) -> ServerEngineConfig:
        """Return the settings of the HTTP client."""
        return ServerEngineConfig(
            base_url=self.base_url,
            model=self.model,
            api_key_env=self.api_key_env,
            concurrency=self.concurrency,
            max_retries=self.max_retries,
            request_timeout_seconds=self.request_timeout_seconds,
        )
