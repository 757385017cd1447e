"""What an annotation run will take, before it is started.

Belongs here: counting requests and tokens. Prompts are counted by the server: a few of them, evenly spread, are sent
with one token as the longest answer, and its `usage` is scaled to all by their bytes. That works with any
OpenAI-compatible server, and costs a few prompts. Where the server refuses, BYTES_PER_TOKEN stands in.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prox_assets.engines.server.client import RequestFailedError, RequestRefusedError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.annotation.asking import chat_model
from prox_assets.training.annotation.chat import ChatModel
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.questions import AnnotationPlan, Question
from prox_assets.training.data.seeds import SeedDocument

SAMPLES_PER_PROMPT = 3

BYTES_PER_TOKEN = 3.0
"""Rather few: tokenizers of current models make a token of about four bytes of English, of three of Chinese."""


@dataclass(frozen=True, slots=True)
class AnnotationEstimate:
    """The size of a run, nothing of it done yet; answers that a ledger holds already are not taken off.

    Attributes:
        documents: Documents.
        units: Rows of the table: documents or chunks, skipped ones included.
        requests: Requests if every answer is usable at once.
        requests_at_most: Requests if every question takes all its attempts.
        prompt_tokens: Of `requests`.
        completion_tokens_at_most: Of `requests`, if every answer takes max_tokens.
        cost: Of `requests`, with answers at their longest, in the currency of the prices; None without prices.
        cost_at_most: Of `requests_at_most`, likewise.
        counted_by: Who counted the prompts' tokens: "server", from a sample, or "bytes", by BYTES_PER_TOKEN.
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
    """Estimate a run; asks the server SAMPLES_PER_PROMPT one-token questions per prompt file.

    Not to be called inside a running event loop.

    Raises:
        AnnotationError: Two documents have one id, or a prompt file is unusable.
        EngineError: The server cannot be reached, does not serve the model, or is no chat server.
    """
    plan = AnnotationPlan(documents, config, level)
    prompt_bytes = dict.fromkeys(plan.level.prompts, 0)
    for question in plan.questions():
        prompt_bytes[question.prompt.name] += _bytes(question)
    rates = asyncio.run(_tokens_per_byte(plan, config))
    prompt_tokens = round(
        sum(size * (rates[name] or 1 / BYTES_PER_TOKEN) for name, size in prompt_bytes.items() if size)
    )
    requests = plan.question_count
    completion_tokens = requests * config.max_tokens
    return AnnotationEstimate(
        documents=len(documents),
        units=len(plan.units),
        requests=requests,
        requests_at_most=requests * config.attempts,
        prompt_tokens=prompt_tokens,
        completion_tokens_at_most=completion_tokens,
        cost=config.cost(prompt_tokens, completion_tokens),
        cost_at_most=config.cost(prompt_tokens * config.attempts, completion_tokens * config.attempts),
        counted_by="server" if all(rates.values()) else "bytes",
    )


async def _tokens_per_byte(plan: AnnotationPlan, config: AnnotatorConfig) -> dict[str, float | None]:
    """Return the server's tokens per byte of each prompt's requests; None where it would not count."""
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
    return tokens / sum(map(_bytes, sample)) if sample else None


def _bytes(question: Question) -> int:
    return sum(len(message["content"].encode()) for message in question.messages())
