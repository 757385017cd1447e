"""The size of a run, estimated before it starts."""

from collections.abc import Callable

import pytest

from prox_assets.training.annotation import AnnotatorConfig, estimate
from prox_assets.training.annotation.cost_estimate import BYTES_PER_TOKEN
from prox_assets.training.annotation.levels.scores import EDUCATIONAL, FORMAT
from prox_assets.training.annotation.prompts import load_prompts
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.training.annotation.chat_server import ChatHandler, ChatServer

Configure = Callable[..., AnnotatorConfig]


def pages(count: int) -> list[SeedDocument]:
    return [SeedDocument(f"d{i}", "a.example", "", "Sea. " * (100 + i)) for i in range(count)]


def prompt_bytes(documents: list[SeedDocument]) -> int:
    prompts = load_prompts([EDUCATIONAL.prompt, FORMAT.prompt]).prompts.values()
    messages = [prompt.messages(document.text)[0] for document in documents for prompt in prompts]
    return sum(len(message["content"].encode()) for message in messages)


def count_a_token_per_five_bytes(handler: ChatHandler, _: int) -> None:
    tokens = len(handler.text.encode()) // 5
    choice = {"message": {"content": "It"}, "finish_reason": "length"}
    handler.send_json(200, {"choices": [choice], "usage": {"prompt_tokens": tokens, "completion_tokens": 1}})


def test_the_servers_count_of_a_few_prompts_is_scaled_to_all(server: ChatServer, configure: Configure) -> None:
    server.behave(count_a_token_per_five_bytes)
    documents = [*pages(40), SeedDocument("blank", "a.example", "", "\n")]
    config = configure(max_tokens=100, attempts=3, prompt_price_per_million=3.0, completion_price_per_million=6.0)
    result = estimate(documents, config, "doc")
    assert server.requests == 6
    assert all(payload["max_tokens"] == 1 for payload in server.payloads)
    assert result.counted_by == "server"
    assert (result.documents, result.units, result.requests, result.requests_at_most) == (41, 41, 80, 240)
    assert result.prompt_tokens == pytest.approx(prompt_bytes(documents[:40]) / 5, rel=0.01)
    assert result.completion_tokens_at_most == 80 * 100
    assert result.cost == pytest.approx((result.prompt_tokens * 3 + 8000 * 6) / 1e6)
    assert result.cost_at_most == pytest.approx(3 * (result.prompt_tokens * 3 + 8000 * 6) / 1e6)


def test_where_the_server_does_not_count_bytes_do(server: ChatServer, configure: Configure) -> None:
    server.behave(lambda handler, _: handler.send_json(400, {"error": "one token is too few"}))
    result = estimate(pages(5), configure(), "doc")
    assert result.counted_by == "bytes"
    assert result.prompt_tokens == round(prompt_bytes(pages(5)) / BYTES_PER_TOKEN)
    assert result.cost is result.cost_at_most is None


def test_chunks_are_counted_not_documents(server: ChatServer, configure: Configure) -> None:
    server.behave(count_a_token_per_five_bytes)
    lines = "\n".join(["A line of the text."] * 30)
    result = estimate([SeedDocument("d", "a.example", "", lines)], configure(chunk_characters=10 * 25), "chunk")
    assert (result.documents, result.units, result.requests) == (1, 3, 9)


def test_nothing_to_ask_costs_nothing(server: ChatServer, configure: Configure) -> None:
    result = estimate([], configure(prompt_price_per_million=1, completion_price_per_million=1), "chunk")
    assert (result.requests, result.prompt_tokens, result.cost) == (0, 0, 0)
    assert server.requests == 0
