"""Unusable answers: asked again, then recorded as errors, never guessed at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prox_assets.training.annotation import AnnotatorConfig, annotate
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.training.annotation.chat_server import COMPLETION_TOKENS, PROMPT_TOKENS, ChatHandler, ChatServer
from prox_assets_tests.training.annotation.conftest import asks_for, rows

Configure = Callable[..., AnnotatorConfig]


UNUSABLE: list[tuple[Callable[[ChatHandler], None], str]] = [
    (lambda handler: handler.say("I'm sorry, but I can't help with that."), "refused: I'm sorry"),
    (
        lambda handler: handler.say("I cannot assist with this request.\nEducational score: 0"),
        "refused: I cannot assist",
    ),
    (lambda handler: handler.say(None, refusal="It is against my rules."), "refused: It is against my rules."),
    (lambda handler: handler.say("", finish_reason="content_filter"), "refused: content_filter"),
    (lambda handler: handler.say(""), "empty answer"),
    (lambda handler: handler.say(None), "empty answer"),
    (
        lambda handler: handler.say("It explains.\nEducational score: 3", "length"),
        "not finished (finish_reason length)",
    ),
    (lambda handler: handler.say("It explains a lot."), "no single line"),
    (lambda handler: handler.say("It explains.\nEducational score: 7"), "'7' is not a whole number from 0 to 5"),
]


@pytest.mark.parametrize(("answer", "reason"), UNUSABLE, ids=[reason for _, reason in UNUSABLE])
def test_an_unusable_answer_is_asked_for_again_with_what_was_wrong(
    server: ChatServer,
    configure: Configure,
    documents: list[SeedDocument],
    tmp_path: Path,
    answer: Callable[[ChatHandler], None],
    reason: str,
) -> None:
    server.behave(
        lambda handler, before: (
            answer(handler) if asks_for(handler, "Educational") and before == 0 else handler.answer_well()
        )
    )
    annotate(documents[:1], configure(concurrency=1), "doc", tmp_path)
    first, again, _ = [payload["messages"][-1]["content"] for payload in server.payloads]
    assert again.startswith(first)
    assert reason in again.removeprefix(first)
    (row,) = rows(tmp_path)
    assert (row["decision"], row["error"], row["prompt_tokens"]) == ("keep", None, 3 * PROMPT_TOKENS)


@pytest.mark.parametrize(("answer", "reason"), UNUSABLE, ids=[reason for _, reason in UNUSABLE])
def test_answers_that_stay_unusable_are_an_error_and_no_decision(
    server: ChatServer,
    configure: Configure,
    documents: list[SeedDocument],
    tmp_path: Path,
    answer: Callable[[ChatHandler], None],
    reason: str,
) -> None:
    server.behave(
        lambda handler, _: (
            answer(handler)
            if asks_for(handler, "Educational") and handler.shown == documents[1].text
            else handler.answer_well()
        )
    )
    summary = annotate(documents, configure(attempts=2), "doc", tmp_path)
    bad = rows(tmp_path)[1]
    assert bad["error"].startswith("document_education: ")
    assert reason in bad["error"]
    assert bad["decision"] is bad["keep_target"] is bad["educational_score"] is None
    assert bad["format_score"] == 4
    assert (bad["prompt_tokens"], bad["completion_tokens"]) == (3 * PROMPT_TOKENS, 3 * COMPLETION_TOKENS)
    assert [row["decision"] for row in rows(tmp_path)] == ["keep", None, "keep", "keep"]
    assert (summary.usable, sum(summary.errors.values())) == (3, 1)


def test_a_chunk_is_not_annotated_by_two_of_three_kinds(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(
        lambda handler, _: (
            handler.say("drop_lines(line_start=0, line_end=0)")
            if asks_for(handler, "Remove navigation")
            else handler.answer_well()
        )
    )
    summary = annotate(documents[:1], configure(attempts=2), "chunk", tmp_path)
    (row,) = rows(tmp_path)
    assert row["error"].startswith("chunk_navigation: unknown_function: drop_lines(")
    assert row["program"] is row["removed_share"] is None
    assert summary.errors == {"chunk_navigation: unknown_function": 1}


def test_an_answer_that_no_file_can_hold_becomes_one_that_can(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(lambda handler, _: handler.say("It \ud800 explains.\nEducational score: 3\nFormat score: 3"))
    annotate(documents[:1], configure(), "doc", tmp_path)
    assert rows(tmp_path)[0]["educational_justification"] == "It ? explains.\n\nFormat score: 3"
