"""Estimates the requests, tokens and cost of an annotation run before it starts.

The server counts the prompt tokens: a few prompts, evenly spread, are sent with an answer limit of one token, and the
reported `usage` is scaled to all prompts by their bytes. That works with any OpenAI-compatible server and costs a few
prompts. If the server refuses, BYTES_PER_TOKEN is used instead.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prox_assets.engines.server.client import RequestFailedError, RequestRefusedError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.annotation.asking import chat_model
from prox_assets.training.annotation.chat import ChatModel, message_bytes
from prox_assets.training.annotation.config import AnnotatorConfig, Tokens
from prox_assets.training.annotation.questions import AnnotationPlan, Question
from prox_assets.training.data.seeds import SeedDocument

SAMPLES_PER_PROMPT = 3

BYTES_PER_TOKEN = 3.0
"""Low, to be safe: with current tokenizers a token is about four bytes of English, or three of Chinese."""


@dataclass(frozen=True, slots=True)
class AnnotationEstimate:
    """The size of a whole run; answers already in a ledger are not subtracted.

    Attributes:
        documents: Number of documents.
        units: Rows of the table: documents or chunks, skipped ones included.
        requests: Requests if the first answer to every question is usable.
        requests_at_most: Requests if every question takes all its attempts.
        prompt_tokens: Prompt tokens of `requests`.
        completion_tokens_at_most: Completion tokens of `requests` if every answer takes max_tokens.
        cost: Cost of `requests` with the longest answers, in the currency of the prices; None without prices.
        cost_at_most: Cost of `requests_at_most` with the longest answers; None without prices.
        counted_by: How prompt tokens were counted: "server", from a sample, or "bytes", by BYTES_PER_TOKEN.
    """

    documents: int
    units: int
    requests: int
    requests_at_most: int
    prompt_tokens: int
    completion_tokens_at_most: int
    cost: float | None
    cost_at_most: float | None
    counted_by: Literal["server", "bytes"]


def estimate(documents: Sequence[SeedDocument], config: AnnotatorConfig, level: Level) -> AnnotationEstimate:
    """Estimate a run; this sends the server SAMPLES_PER_PROMPT requests per prompt file, with one-token answers.

    Do not call it inside a running event loop.

    Raises:
        AnnotationError: Two documents share an id, or a prompt file is unusable.
        EngineError: The server is unreachable, does not serve the model, or is not a chat server.
    """
    plan = AnnotationPlan(documents, config, level)
    prompt_bytes = dict.fromkeys(plan.level.prompts, 0)
    for question in plan.questions():
        prompt_bytes[question.prompt.name] += message_bytes(question.messages())
    rates = asyncio.run(_tokens_per_byte(plan, config))
    prompt_tokens = sum(size * (rates[name] or 1 / BYTES_PER_TOKEN) for name, size in prompt_bytes.items() if size)
    requests = plan.question_count
    tokens = Tokens(round(prompt_tokens), requests * config.max_tokens)
    most = Tokens(tokens.prompt * config.attempts, tokens.completion * config.attempts)
    return AnnotationEstimate(
        documents=len(documents),
        units=len(plan.units),
        requests=requests,
        requests_at_most=requests * config.attempts,
        prompt_tokens=tokens.prompt,
        completion_tokens_at_most=tokens.completion,
        cost=config.cost(tokens),
        cost_at_most=config.cost(most),
        counted_by="server" if all(rates.values()) else "bytes",
    )


async def _tokens_per_byte(plan: AnnotationPlan, config: AnnotatorConfig) -> dict[str, float | None]:
    """Return the tokens per byte of each prompt's requests, as the server counts them; None where it refuses."""
    rates: dict[str, float | None] = {}
    async with chat_model(config) as model:
        for name in plan.level.prompts:
            questions = [question for question in plan.questions() if question.prompt.name == name]
            sample = questions[:: max(1, len(questions) // SAMPLES_PER_PROMPT)][:SAMPLES_PER_PROMPT]
            rates[name] = await _rate(model, sample)
    return rates


async def _rate(model: ChatModel, sample: Sequence[Question]) -> float | None:
    tokens = 0
    try:
        for question in sample:
            tokens += (await model.ask(question.messages(), max_tokens=1)).prompt_tokens
    except (RequestRefusedError, RequestFailedError):
        return None
    return tokens / sum(message_bytes(question.messages()) for question in sample) if sample else None
