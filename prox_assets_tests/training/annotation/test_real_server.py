"""Whole runs against a real vLLM server with a small chat model that reads its questions, template and all."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_assets.programs import parse
from prox_assets.refiners.prompts.formats import label_lines
from prox_assets.training.annotation import AnnotationError, AnnotatorConfig, BudgetExceededError, annotate, estimate
from prox_assets.training.annotation.levels.noise import NOISE_PROMPTS
from prox_assets.training.annotation.levels.scores import EDUCATIONAL, FORMAT
from prox_assets.training.annotation.prompts import load_prompts
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.engine_fixtures import VllmServer, run_vllm_server

pytestmark = pytest.mark.vllm
DOCUMENT_PROMPTS = (EDUCATIONAL.prompt, FORMAT.prompt)
CHUNK_PROMPTS = tuple(kind.prompt for kind in NOISE_PROMPTS)


def page(name: str, text: str) -> SeedDocument:
    return SeedDocument(name, f"{name}.example", f"http://{name}.example/", text)


LESSON = page(
    "lesson",
    "How plants store light\nChlorophyll absorbs light, and water is split into oxygen, protons and electrons. "
    "Then the cell spends the stored energy to bind carbon dioxide and to build sugar.",
)
SHOP = page("shop", "cheap watches cheap bags cheap shoes buy now\nfree shipping worldwide\norder now limited offer")
TIDES = page("tides", "Home | News | Log in\nThe Moon pulls on the water, so that it rises twice a day.\n(c) Sea Ltd")
DOCUMENTS = [LESSON, SHOP, TIDES]


@pytest.fixture(scope="module")
def chat_server(instruct_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    log = tmp_path_factory.mktemp("chat_server") / "server.log"
    arguments = ("--served-model-name", "instruct", "--dtype", "bfloat16", "--max-model-len", "4096")
    with run_vllm_server(instruct_model, log, *arguments) as server:
        yield server


def config(server: VllmServer, **settings: Any) -> AnnotatorConfig:
    return AnnotatorConfig(base_url=server.base_url, **{"max_tokens": 160, "attempts": 1, **settings})


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    table = pq.read_table(folder / "seed_annotations.parquet").to_pylist()
    return {row["doc_id"]: row for row in table}


def tokens_by_the_template(folder: Path, names: Sequence[str], text: str) -> int:
    """Return the prompt tokens of these questions about a text, with the model's own chat template around them."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    prompts = load_prompts(names).prompts.values()
    rendered = [
        tokenizer.apply_chat_template(prompt.messages(text), tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    assert all(question.startswith("<|im_start|>system\nYou are a helpful AI assistant named") for question in rendered)
    return sum(len(tokenizer.encode(question, add_special_tokens=False)) for question in rendered)


def test_documents_are_judged_in_the_models_own_chat_template(chat_server: VllmServer, tmp_path: Path) -> None:
    summary = annotate(DOCUMENTS, config(chat_server, attempts=2), "doc", tmp_path)
    table = rows(tmp_path)
    assert list(table) == [document.doc_id for document in DOCUMENTS]
    usable = [row for row in table.values() if row["error"] is None]
    assert summary.usable == len(usable) >= 1
    for row in usable:
        score, form = row["educational_score"], row["format_score"]
        assert 0 <= score <= 5
        assert 0 <= form <= 5
        assert row["decision"] == ("keep" if score >= 3 or (score == 2 and form >= 4) else "drop")
    assert {row["annotator"] for row in table.values()} == {"instruct"}
    once = next(row for row in usable)
    text = next(document.text for document in DOCUMENTS if document.doc_id == once["doc_id"])
    assert once["prompt_tokens"] >= tokens_by_the_template(chat_server.model, DOCUMENT_PROMPTS, text)
    assert summary.prompt_tokens == sum(row["prompt_tokens"] for row in table.values())


def test_chunks_get_merged_programs_or_an_error(chat_server: VllmServer, tmp_path: Path) -> None:
    summary = annotate([TIDES, LESSON], config(chat_server), "chunk", tmp_path)
    table = rows(tmp_path)
    assert summary.requests == 6
    for document in (TIDES, LESSON):
        row = table[document.doc_id]
        assert (row["program"] is None) == (row["error"] is not None)
        if row["program"] is not None:
            assert parse(row["program"]).errors == ()
            assert len(row["line_targets"]) == document.text.count("\n") + 1
        shown = label_lines(document.text.split("\n"), 0)
        assert row["prompt_tokens"] == tokens_by_the_template(chat_server.model, CHUNK_PROMPTS, shown)


def test_a_run_stops_at_its_budget_and_goes_on_with_a_larger_one(chat_server: VllmServer, tmp_path: Path) -> None:
    with pytest.raises(BudgetExceededError, match=r"budget_tokens = 3,000 tokens"):
        annotate(DOCUMENTS, config(chat_server, budget_tokens=3_000, concurrency=1), "doc", tmp_path)
    answered = len((tmp_path / "answers.jsonl").read_text().splitlines())
    assert 0 < answered < 6
    summary = annotate(DOCUMENTS, config(chat_server, budget_tokens=50_000), "doc", tmp_path)
    assert summary.requests == 6 - answered
    again = annotate(DOCUMENTS, config(chat_server), "doc", tmp_path)
    assert (again.requests, again.reused) == (0, 6)


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
