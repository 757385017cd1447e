"""Resuming a run from its ledger."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_assets.training.annotation import AnnotationError, AnnotatorConfig, annotate
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.training.annotation.annotate_child import DOCUMENTS, config
from prox_assets_tests.training.annotation.chat_server import ChatHandler, ChatServer

Configure = Callable[..., AnnotatorConfig]


def test_a_killed_run_asks_only_what_had_no_answer(server: ChatServer, tmp_path: Path) -> None:
    enough = threading.Event()

    def answer_three(handler: ChatHandler, _: int) -> None:
        if server.requests <= 3:
            handler.answer_well()
        else:
            enough.set()
            handler.say_nothing()

    server.behave(answer_three)
    command = [sys.executable, "-m", "prox_assets_tests.training.annotation.annotate_child"]
    child = subprocess.Popen([*command, server.base_url, str(tmp_path)])
    try:
        assert enough.wait(60)
        ledger = tmp_path / "answers.jsonl"
        until = time.monotonic() + 10
        while ledger.read_bytes().count(b"\n") < 3 and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        child.kill()
        child.wait()
    server.behave(lambda handler, _: handler.answer_well())
    summary = annotate(DOCUMENTS, config(server.base_url), "doc", tmp_path)
    assert (summary.reused, summary.requests) == (3, 5)
    table = pq.read_table(summary.path)
    assert table["doc_id"].to_pylist() == ["d0", "d1", "d2", "d3"]
    assert table["decision"].to_pylist() == ["keep"] * 4


@pytest.mark.parametrize("cut", [1, 40])
def test_a_torn_last_line_is_asked_again_and_no_later_line_is_glued_to_it(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path, cut: int
) -> None:
    annotate(documents, configure(), "doc", tmp_path)
    ledger = tmp_path / "answers.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-cut])
    first = annotate(documents, configure(), "doc", tmp_path)
    assert (first.requests, first.reused) == (1, 7)
    second = annotate(documents, configure(), "doc", tmp_path)
    assert (second.requests, second.reused) == (0, 8)


def test_a_damaged_line_inside_is_named(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    annotate(documents, configure(), "doc", tmp_path)
    ledger = tmp_path / "answers.jsonl"
    lines = ledger.read_text().splitlines()
    ledger.write_text("\n".join([lines[0], "{torn", *lines[2:]]) + "\n")
    with pytest.raises(AnnotationError, match=r"line 2 of .*answers\.jsonl"):
        annotate(documents, configure(), "doc", tmp_path)


def test_a_second_run_gives_the_same_table_without_a_request(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    first = pq.read_table(annotate(documents, configure(), "chunk", tmp_path).path)
    asked = server.requests
    # Concurrency, retries and max_removed_share are not part of the question.
    other = configure(concurrency=1, max_retries=3, max_removed_share=0.95)
    assert pq.read_table(annotate(documents, other, "chunk", tmp_path).path).equals(first)
    assert server.requests == asked


def test_documents_may_be_added_and_reordered(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    annotate(documents[:2], configure(), "doc", tmp_path)
    summary = annotate(documents[::-1], configure(), "doc", tmp_path)
    assert (summary.reused, summary.requests) == (4, 4)
    assert pq.read_table(summary.path)["doc_id"].to_pylist() == ["d3", "d2", "d1", "d0"]


def other_prompts(folder: Path) -> Path:
    folder.mkdir()
    (folder / "retry.txt").write_text("Again: {problem}")
    for name, label in (("education", "Educational"), ("format", "Format")):
        (folder / f"document_{name}.txt").write_text(f"=== user\n[doc]\n{{text}}\n[/doc]\n{label} score: <points>")
    return folder


@pytest.mark.parametrize(
    "change", ["text behind what is shown", "temperature", "max_tokens", "extra", "prompts", "what is shown", "model"]
)
def test_another_question_is_asked_anew(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path, change: str
) -> None:
    folder = tmp_path / "run"
    base: dict[str, Any] = {"max_document_characters": 30}
    annotate(documents[:1], configure(**base), "doc", folder)
    document, settings = documents[0], dict(base)
    match change:
        case "text behind what is shown":
            document = replace(document, text=document.text + "!")
        case "what is shown":
            settings["max_document_characters"] = 29
        case "prompts":
            settings["prompts"] = other_prompts(tmp_path / "mine")
        case "model":
            server.models.append({"id": "other"})
            settings["model"] = "other"
        case "extra":
            settings["extra"] = {"seed": 1}
        case "temperature":
            settings["temperature"] = 0.1
        case "max_tokens":
            settings["max_tokens"] = 21
    summary = annotate([document], configure(**settings), "doc", folder)
    assert (summary.requests, summary.reused) == (2, 0)
    again = annotate(documents[:1], configure(**base, model="moody-chat"), "doc", folder)
    assert (again.requests, again.reused) == (0, 2)


def test_more_attempts_ask_only_for_the_further_ones(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(lambda handler, before: handler.say("Nothing.") if before < 2 else handler.answer_well())
    summary = annotate(documents[:1], configure(attempts=2), "doc", tmp_path)
    assert (summary.usable, server.requests) == (0, 4)
    assert annotate(documents[:1], configure(attempts=2), "doc", tmp_path).requests == 0
    summary = annotate(documents[:1], configure(attempts=3), "doc", tmp_path)
    assert (summary.usable, summary.requests) == (1, 2)


def test_a_folder_belongs_to_one_level(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    annotate(documents, configure(), "doc", tmp_path)
    with pytest.raises(AnnotationError, match="holds annotation at level doc"):
        annotate(documents, configure(), "chunk", tmp_path)


def test_two_runs_never_work_in_one_folder(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    started, go_on = threading.Event(), threading.Event()

    def wait(handler: ChatHandler, _: int) -> None:
        started.set()
        go_on.wait(10)
        handler.answer_well()

    server.behave(wait)
    thread = threading.Thread(target=annotate, args=(documents, configure(), "doc", tmp_path))
    thread.start()
    try:
        assert started.wait(10)
        with pytest.raises(AnnotationError, match="another run is annotating"):
            annotate(documents, configure(), "doc", tmp_path)
    finally:
        go_on.set()
        thread.join()
    assert annotate(documents, configure(), "doc", tmp_path).requests == 0
