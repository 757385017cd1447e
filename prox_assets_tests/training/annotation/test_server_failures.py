"""A chat server that is busy, broken, silent, unwilling or gone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prox_assets.engines.protocol import EngineError, EngineStartError
from prox_assets.training.annotation import AnnotationError, AnnotatorConfig, annotate
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.training.annotation.chat_server import ChatHandler, ChatServer
from prox_assets_tests.training.annotation.conftest import rows

Configure = Callable[..., AnnotatorConfig]


FAILURES: list[Callable[[ChatHandler], None]] = [
    lambda handler: handler.send_json(500, {"error": "out of luck"}),
    lambda handler: handler.send_json(429, {"error": "slow down"}, {"Retry-After": "0"}),
    lambda handler: handler.send_bytes(200, b"<html>502 Bad Gateway</html>"),
    lambda handler: handler.say_nothing(),
]
FAILURE_NAMES = ["500", "429", "garbage", "silence"]


@pytest.mark.parametrize("failure", FAILURES, ids=FAILURE_NAMES)
def test_a_server_that_fails_once_is_tried_again(
    server: ChatServer,
    configure: Configure,
    documents: list[SeedDocument],
    tmp_path: Path,
    failure: Callable[[ChatHandler], None],
) -> None:
    server.behave(lambda handler, before: failure(handler) if before == 0 else handler.answer_well())
    summary = annotate(documents[:2], configure(request_timeout_seconds=0.5), "doc", tmp_path)
    assert [row["decision"] for row in rows(tmp_path)] == ["keep", "keep"]
    assert (summary.requests, server.requests) == (4, 8)


@pytest.mark.parametrize("failure", FAILURES, ids=FAILURE_NAMES)
def test_a_question_that_the_server_keeps_failing_is_an_error_now_and_asked_again_by_the_next_run(
    server: ChatServer,
    configure: Configure,
    documents: list[SeedDocument],
    tmp_path: Path,
    failure: Callable[[ChatHandler], None],
) -> None:
    server.behave(lambda handler, _: failure(handler) if handler.shown == documents[2].text else handler.answer_well())
    config = configure(request_timeout_seconds=0.5)
    annotate(documents, config, "doc", tmp_path)
    row = rows(tmp_path)[2]
    assert "no answer from the server" in row["error"]
    assert "attempts: 2" in row["error"]
    assert (row["decision"], row["prompt_tokens"]) == (None, 0)
    server.behave(lambda handler, _: handler.answer_well())
    summary = annotate(documents, config, "doc", tmp_path)
    assert (summary.requests, summary.reused) == (2, 6)
    assert [row["decision"] for row in rows(tmp_path)] == ["keep"] * 4


def test_a_request_that_the_server_refuses_is_not_repeated(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(
        lambda handler, _: (
            handler.send_json(400, {"error": "too long"})
            if handler.shown == documents[0].text
            else handler.answer_well()
        )
    )
    annotate(documents, configure(), "doc", tmp_path)
    assert "too long" in rows(tmp_path)[0]["error"]
    assert server.requests == 8


def test_failures_without_end_stop_the_run(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(lambda handler, _: handler.send_json(400, {"error": "no chat template"}))
    with pytest.raises(AnnotationError, match=r"3 questions in a row.*no chat template"):
        annotate(documents, configure(max_failures_in_a_row=3, concurrency=1), "doc", tmp_path)
    assert server.requests == 3
    assert not (tmp_path / "seed_annotations.parquet").exists()


def test_a_run_in_which_nothing_is_answered_writes_no_table(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    server.behave(lambda handler, _: handler.send_json(400, {"error": "no chat template"}))
    with pytest.raises(AnnotationError, match=r"no question was answered.*no chat template"):
        annotate(documents[:1], configure(), "doc", tmp_path)
    assert not (tmp_path / "seed_annotations.parquet").exists()


def test_a_server_that_dies_ends_the_run_and_leaves_its_answers(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    def die_after_three(handler: ChatHandler, _: int) -> None:
        if server.requests > 3:
            handler.close_connection = True
            server.moody.server_close()
        else:
            handler.answer_well()

    server.behave(die_after_three)
    with pytest.raises(EngineError, match="Is it still running"):
        annotate(documents, configure(concurrency=1), "doc", tmp_path)
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 3


def test_a_server_that_was_never_there_is_an_engine_error(documents: list[SeedDocument], tmp_path: Path) -> None:
    config = AnnotatorConfig(base_url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(EngineStartError, match="cannot connect"):
        annotate(documents, config, "doc", tmp_path)


def test_a_server_without_token_usage_is_an_engine_error(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    choice = {"message": {"content": "Fine.\nEducational score: 3"}, "finish_reason": "stop"}
    server.behave(lambda handler, _: handler.send_json(200, {"choices": [choice]}))
    with pytest.raises(EngineError, match="token usage"):
        annotate(documents, configure(), "doc", tmp_path)


def test_the_key_is_sent_and_written_nowhere(
    server: ChatServer,
    configure: Configure,
    documents: list[SeedDocument],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")

    def parrot_once(handler: ChatHandler, _: int) -> None:
        if handler.shown == documents[0].text:
            handler.send_json(400, {"error": f"bad header {handler.headers['Authorization']}"})
        else:
            handler.answer_well()

    server.behave(parrot_once)
    summary = annotate(documents, configure(api_key_env="MY_KEY"), "doc", tmp_path)
    assert server.moody.authorizations == {"Bearer sk-very-secret"}
    assert "bad header" in rows(tmp_path)[0]["error"]
    assert "sk-very-secret" not in json.dumps(rows(tmp_path)) + str(summary)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"sk-very-secret" not in path.read_bytes()
