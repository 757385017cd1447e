"""Stopping before the budget is exceeded."""

import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from prox_assets.training.annotation import AnnotatorConfig, BudgetExceededError, annotate
from prox_assets.training.annotation.chat import most_prompt_tokens
from prox_assets.training.annotation.levels.scores import EDUCATIONAL
from prox_assets.training.annotation.prompts import load_prompts
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.training.annotation.chat_server import COMPLETION_TOKENS, PROMPT_TOKENS, ChatHandler, ChatServer

Configure = Callable[..., AnnotatorConfig]

ANSWER = PROMPT_TOKENS + COMPLETION_TOKENS


def answers(folder: Path) -> int:
    return len((folder / "answers.jsonl").read_text().splitlines())


def first_request_at_most(configure: Configure, documents: list[SeedDocument]) -> int:
    """Return the most tokens that the first request may take."""
    messages = load_prompts([EDUCATIONAL.prompt]).prompts[EDUCATIONAL.prompt].messages(documents[0].text)
    return most_prompt_tokens(messages) + configure().max_tokens


def test_a_budget_is_never_exceeded_and_the_answers_are_kept(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    budget = first_request_at_most(configure, documents) + 3 * ANSWER
    with pytest.raises(BudgetExceededError, match=rf"200 of budget_tokens = {budget:,} tokens .*{tmp_path.name}"):
        annotate(documents, configure(budget_tokens=budget, concurrency=1), "doc", tmp_path)
    assert server.requests == answers(tmp_path) == 4
    assert not (tmp_path / "seed_annotations.parquet").exists()


def test_the_message_names_a_budget_that_does_for_the_next_request(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    with pytest.raises(BudgetExceededError) as failure:
        annotate(documents, configure(budget_tokens=100, concurrency=1), "doc", tmp_path)
    assert server.requests == 0
    least = int(str(failure.value).split("to at least ")[1].split(" ")[0].replace(",", ""))
    with pytest.raises(BudgetExceededError, match="0 of budget_tokens"):
        annotate(documents, configure(budget_tokens=least - 1, concurrency=1), "doc", tmp_path)
    assert server.requests == 0
    with pytest.raises(BudgetExceededError):
        annotate(documents, configure(budget_tokens=least, concurrency=1), "doc", tmp_path)
    assert server.requests > 0


def test_a_larger_budget_goes_on_where_the_run_stopped_and_counts_what_was_spent(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    budget = first_request_at_most(configure, documents) + 3 * ANSWER
    for _ in range(2):
        with pytest.raises(BudgetExceededError, match=f"^The budget is used up: {4 * ANSWER} of"):
            annotate(documents, configure(budget_tokens=budget, concurrency=1), "doc", tmp_path)
        assert server.requests == 4
    summary = annotate(documents, configure(budget_tokens=100_000), "doc", tmp_path)
    assert (summary.requests, summary.reused, server.requests) == (4, 4, 8)
    assert summary.prompt_tokens + summary.completion_tokens == 8 * ANSWER


def test_a_budget_of_money_follows_the_prices(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    prices = {"prompt_price_per_million": 2.0, "completion_price_per_million": 10.0}
    with pytest.raises(BudgetExceededError, match=r"0\.0000 of budget_cost = 0\.0001"):
        annotate(documents, configure(budget_cost=0.0001, **prices), "doc", tmp_path)
    assert server.requests == 0
    summary = annotate(documents, configure(budget_cost=1, **prices), "doc", tmp_path)
    assert summary.cost == pytest.approx(8 * (PROMPT_TOKENS * 2 + COMPLETION_TOKENS * 10) / 1e6)


def test_requests_under_way_count_at_their_longest(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    running: list[int] = []
    most_running: list[int] = []

    def note(handler: ChatHandler, _: int) -> None:
        running.append(1)
        most_running.append(len(running))
        time.sleep(0.03)
        running.pop()
        handler.answer_well()

    server.behave(note)
    # Room for the longest request and for what all answers cost, but not for two of the longest requests.
    budget = first_request_at_most(configure, documents) + 8 * ANSWER
    summary = annotate(documents, configure(budget_tokens=budget, concurrency=8), "doc", tmp_path / "narrow")
    assert (summary.rows, max(most_running)) == (4, 1)
    most_running.clear()
    annotate(documents, configure(budget_tokens=100_000, concurrency=8), "doc", tmp_path / "wide")
    assert max(most_running) > 1


def test_unusable_answers_are_paid_for_too(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(lambda handler, _: handler.say("Nothing to say."))
    summary = annotate(documents[:1], configure(attempts=3), "doc", tmp_path)
    assert summary.prompt_tokens + summary.completion_tokens == 6 * ANSWER
    (row,) = pq.read_table(summary.path).to_pylist()
    assert row["prompt_tokens"] == 6 * PROMPT_TOKENS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget_cost": 1.0}, "budget_cost needs"),
        ({"prompt_price_per_million": 1.0}, "or neither"),
        ({"extra": {"max_tokens": 5, "seed": 1}}, "extra may not set max_tokens"),
        ({"api_key": "sk-secret"}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AnnotatorConfig.model_validate({"base_url": "http://127.0.0.1:1", **settings})
