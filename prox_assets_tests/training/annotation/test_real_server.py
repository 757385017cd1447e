"""Whole runs against a real vLLM server, on a small chat model that knows its answers by heart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_assets.training.annotation import AnnotationError, AnnotatorConfig, BudgetExceededError, annotate, estimate
from prox_assets_tests.engine_fixtures import VllmServer, run_vllm_server
from prox_assets_tests.training.annotation.tiny_chat_model import (
    CHUNK_DOCUMENTS,
    DOCUMENTS,
    LESSON,
    MAX_TOKENS,
    make_tiny_chat_model,
)

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def chat_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    model = make_tiny_chat_model(tmp_path_factory.mktemp("tiny_chat"))
    log = tmp_path_factory.mktemp("chat_server") / "server.log"
    with run_vllm_server(model, log, "--served-model-name", "tiny-chat") as server:
        yield server


def config(server: VllmServer, **settings: Any) -> AnnotatorConfig:
    return AnnotatorConfig(base_url=server.base_url, **{"max_tokens": MAX_TOKENS, "attempts": 2, **settings})


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    table = pq.read_table(folder / "seed_annotations.parquet").to_pylist()
    return {row["doc_id"]: row for row in table}


def test_documents_are_decided_asked_again_or_given_up(chat_server: VllmServer, tmp_path: Path) -> None:
    summary = annotate(DOCUMENTS, config(chat_server), "doc", tmp_path)
    table = rows(tmp_path)
    assert list(table) == [document.doc_id for document in DOCUMENTS]
    assert {name: row["decision"] for name, row in table.items()} == {
        "lesson": "keep",
        "notes": "keep",
        "forum": "drop",
        "shy": "drop",
        "wild": None,
        "endless": None,
    }
    scores = [(row["educational_score"], row["format_score"]) for row in table.values()]
    assert scores == [(4, 3), (2, 4), (2, 3), (1, 5), (None, 3), (3, None)]
    assert table["shy"]["error"] is None
    assert "'9' is not a whole number from 0 to 5" in table["wild"]["error"]
    assert "finish_reason length" in table["endless"]["error"]
    assert {row["annotator"] for row in table.values()} == {"tiny-chat"}
    # Six documents, two prompts each, and one more attempt for each of three answers.
    assert (summary.requests, summary.usable) == (15, 4)
    assert table["endless"]["completion_tokens"] >= 2 * MAX_TOKENS
    assert summary.prompt_tokens == sum(row["prompt_tokens"] for row in table.values()) > 0


def test_chunks_get_merged_programs_or_an_error(chat_server: VllmServer, tmp_path: Path) -> None:
    summary = annotate(CHUNK_DOCUMENTS, config(chat_server), "chunk", tmp_path)
    table = rows(tmp_path)
    assert table["tides"]["program"] == (
        "remove_lines(line_start=0, line_end=0)\n"
        "remove_lines(line_start=2, line_end=2)\n"
        'normalize(source_str=" (http://sea.example/t)", target_str="")'
    )
    assert table["tides"]["line_targets"] == [0, 1, 0]
    # Its first answer called a function that does not exist.
    assert (table["title"]["program"], table["title"]["line_targets"]) == ("keep_chunk()", [1, 1])
    assert table["title"]["removed_share"] == 0
    assert "removes too much: 100.0%" in table["greedy"]["error"]
    assert (summary.requests, summary.usable) == (10, 2)


def test_a_run_stops_at_its_budget_and_goes_on_with_a_larger_one(chat_server: VllmServer, tmp_path: Path) -> None:
    with pytest.raises(BudgetExceededError, match=r"budget_tokens = 2,100 tokens"):
        annotate(DOCUMENTS, config(chat_server, budget_tokens=2_100), "doc", tmp_path)
    answered = len((tmp_path / "answers.jsonl").read_text().splitlines())
    assert 0 < answered < 15
    summary = annotate(DOCUMENTS, config(chat_server, budget_tokens=50_000), "doc", tmp_path)
    assert summary.requests == 15 - answered
    again = annotate(DOCUMENTS, config(chat_server), "doc", tmp_path)
    assert (again.requests, again.reused) == (0, 12)


def test_the_estimate_is_what_the_server_then_counts(chat_server: VllmServer, tmp_path: Path) -> None:
    documents = [LESSON]
    before = estimate(documents, config(chat_server), "doc")
    summary = annotate(documents, config(chat_server), "doc", tmp_path)
    assert before.counted_by == "server"
    assert before.requests == summary.requests == 2
    assert before.prompt_tokens == summary.prompt_tokens
    assert before.completion_tokens_at_most >= summary.completion_tokens


def test_a_request_that_the_server_refuses_is_reported_in_its_words(chat_server: VllmServer, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"no question was answered.*HTTP 400.*/chat/completions"):
        annotate([LESSON], config(chat_server, max_tokens=1_000_000), "doc", tmp_path)
