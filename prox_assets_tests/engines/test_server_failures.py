"""The server engine against a real HTTP server that misbehaves on command."""

import gzip
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from prox_assets.engines.config import ServerEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import (
    CompletionRequest,
    Engine,
    EngineError,
    EngineStalledError,
    EngineStartError,
    ScoreRequest,
)
from prox_assets.testing.servers.moody_server import Behaviour, Handler, MoodyServer, moody_server
from prox_assets_tests.engine_fixtures import VllmServer


@pytest.fixture
def server() -> Iterator[MoodyServer]:
    with moody_server() as moody:
        yield moody


def config(server: MoodyServer, **settings: Any) -> ServerEngineConfig:
    return ServerEngineConfig(base_url=server.base_url, **{"max_retries": 2, "request_timeout_seconds": 5, **settings})


def requests(count: int) -> list[CompletionRequest]:
    return [CompletionRequest(f"r{i}", (100 + i, 5), 4) for i in range(count)]


def send_500(handler: Handler, _: int) -> None:
    handler.send_json(500, {"error": "out of luck"})


def send_garbage(handler: Handler, _: int) -> None:
    handler.send_bytes(200, b"<html>502 Bad Gateway</html>")


def send_a_list(handler: Handler, _: int) -> None:
    handler.send_json(200, ["no", "object"])


def send_half_an_answer(handler: Handler, _: int) -> None:
    handler.send_bytes(200, b'{"choices": [{"text": "o', {"Content-Length": "5000"})
    handler.close_connection = True


def hang_up(handler: Handler, _: int) -> None:
    handler.close_connection = True


def ask_for_patience(handler: Handler, _: int) -> None:
    handler.send_json(429, {"error": "slow down"}, {"Retry-After": "0"})


def send_damaged_gzip(handler: Handler, _: int) -> None:
    handler.send_bytes(200, b"no gzip", {"Content-Encoding": "gzip"})


def send_half_a_gzip(handler: Handler, _: int) -> None:
    body = gzip.compress(json.dumps({"choices": [{"text": "ok" * 500}]}).encode())
    handler.send_bytes(200, body[: len(body) // 2], {"Content-Encoding": "gzip"})


def send_half_the_chunks(handler: Handler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'5\r\n{"cho\r\n')
    handler.close_connection = True


def reset_the_connection(handler: Handler, _: int) -> None:
    handler.send_bytes(200, b'{"choices": [', {"Content-Length": "5000"})
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def send_deep_brackets(handler: Handler, _: int) -> None:
    handler.send_bytes(200, b"[" * 100_000)


def send_nothing(handler: Handler, _: int) -> None:
    handler.send_bytes(200, b"")


def send_an_error_as_a_success(handler: Handler, _: int) -> None:
    handler.send_json(200, {"error": {"code": 502, "message": "upstream is gone"}})


def send_status(status: int) -> Behaviour:
    def send(handler: Handler, _: int) -> None:
        handler.send_bytes(status, b"<html>not now</html>")

    send.__name__ = f"send_{status}"
    return send


TRANSIENT = [
    send_500,
    send_garbage,
    send_a_list,
    send_half_an_answer,
    hang_up,
    ask_for_patience,
    send_damaged_gzip,
    send_half_a_gzip,
    send_half_the_chunks,
    reset_the_connection,
    send_deep_brackets,
    send_nothing,
    send_an_error_as_a_success,
    *map(send_status, (408, 409, 425, 502, 503, 504, 506, 507, 511, 520, 522, 524, 529, 530, 598)),
]


@pytest.mark.parametrize("failure", TRANSIENT)
def test_a_failure_that_passes_is_tried_again(server: MoodyServer, failure: Behaviour) -> None:
    server.behaviour = lambda handler, before: failure(handler, 0) if before == 0 else handler.answer_well()
    with open_engine(config(server), "") as engine:
        results = list(engine.complete(requests(5)))
    assert [result.error for result in results] == [None] * 5
    assert {result.token_ids for result in results} == {(7,)}
    assert set(server.seen.values()) == {2}


@pytest.mark.parametrize("failure", TRANSIENT[:8])
def test_a_failure_that_stays_becomes_the_error_of_its_request_only(server: MoodyServer, failure: Behaviour) -> None:
    server.behaviour = lambda handler, _: (
        failure(handler, 0) if handler.payload["prompt"][0] == 101 else handler.answer_well()
    )
    with open_engine(config(server), "") as engine:
        results = {result.request_id: result for result in engine.complete(requests(4))}
    assert results["r1"].finish_reason == "error"
    assert "attempts: 3" in (results["r1"].error or "")
    assert server.seen[101] == 3
    assert all(results[name].error is None for name in ("r0", "r2", "r3"))


def test_retry_after_is_obeyed(server: MoodyServer) -> None:
    def once_busy(handler: Handler, before: int) -> None:
        if before == 0:
            handler.send_json(429, {}, {"Retry-After": "2"})
        else:
            handler.answer_well()

    server.behaviour = once_busy
    with open_engine(config(server), "") as engine:
        (result,) = engine.complete(requests(1))
    assert result.error is None
    first, second = server.arrivals
    assert second - first >= 2


@pytest.mark.parametrize("status", [400, 413, 422, 501, 505])
def test_a_refusal_is_not_tried_again(server: MoodyServer, status: int) -> None:
    server.behaviour = lambda handler, _: handler.send_json(status, {"error": "prompt is not to my taste"})
    with open_engine(config(server), "") as engine:
        (result,) = engine.complete(requests(1))
    assert "not to my taste" in (result.error or "")
    assert sum(server.seen.values()) == 1


def test_a_request_that_times_out_every_time_is_an_error_result(server: MoodyServer) -> None:
    server.behaviour = lambda handler, _: (
        handler.say_nothing() if handler.payload["prompt"][0] == 100 else handler.answer_well()
    )
    with open_engine(config(server, max_retries=1, request_timeout_seconds=0.3), "") as engine:
        results = {result.request_id: result for result in engine.complete(requests(2))}
    assert "no answer within 0.3 s" in (results["r0"].error or "")
    assert results["r1"].error is None


def test_a_server_that_accepts_and_never_answers_is_reported_as_stalled(server: MoodyServer) -> None:
    server.behaviour = lambda handler, _: handler.say_nothing()
    began = time.monotonic()
    with (
        open_engine(config(server, stall_timeout_seconds=1.0), "") as engine,
        pytest.raises(EngineStalledError, match=r"1 s .*3 requests under way, among them r0, r1, r2"),
    ):
        list(engine.complete(requests(3)))
    assert time.monotonic() - began < 4


def test_a_server_that_only_ever_fails_is_reported_as_stalled(server: MoodyServer) -> None:
    server.behaviour = send_500
    stream = (CompletionRequest(f"r{i}", (i, 5), 4) for i in range(1_000_000))
    with (
        open_engine(config(server, stall_timeout_seconds=1.0, max_retries=0, concurrency=2), "") as engine,
        pytest.raises(EngineStalledError),
    ):
        deque(engine.complete(stream), maxlen=0)


def test_a_server_that_goes_away_is_an_engine_error(server: MoodyServer) -> None:
    with open_engine(config(server, max_retries=1), "") as engine:
        assert len(list(engine.complete(requests(1)))) == 1
        server.behaviour = lambda handler, _: hang_up(handler, 0)
        server.shutdown()
        server.server_close()
        with pytest.raises(EngineError, match="Is it still running"):
            list(engine.complete(requests(3)))


def test_no_more_requests_are_under_way_than_allowed(server: MoodyServer) -> None:
    def slowly(handler: Handler, _: int) -> None:
        time.sleep(0.02)
        handler.answer_well()

    server.behaviour = slowly
    with open_engine(config(server, concurrency=3), "") as engine:
        assert len(list(engine.complete(requests(40)))) == 40
    assert server.most_running == 3


def test_an_abandoned_stream_closes_its_connections(server: MoodyServer) -> None:
    server.behaviour = lambda handler, _: (
        handler.answer_well() if handler.payload["prompt"][0] == 100 else handler.say_nothing()
    )
    with open_engine(config(server), "") as engine:
        stream = engine.complete(requests(6))
        assert next(stream).request_id == "r0"
        stream.close()  # type: ignore[attr-defined]
        until = time.monotonic() + 5
        while engine._tasks and time.monotonic() < until:  # type: ignore[attr-defined]
            time.sleep(0.01)
        assert not engine._tasks  # type: ignore[attr-defined]


def test_a_request_id_used_twice_at_one_time_is_the_callers_mistake(server: MoodyServer) -> None:
    server.behaviour = lambda handler, _: handler.say_nothing()
    twice = [CompletionRequest("same", (5, 6), 4), CompletionRequest("same", (5, 7), 4)]
    with open_engine(config(server), "") as engine, pytest.raises(ValueError, match="same"):
        list(engine.complete(twice))


def test_close_ends_the_thread_while_requests_are_under_way(server: MoodyServer) -> None:
    def workers() -> int:
        return sum(thread.name == "prox-server" for thread in threading.enumerate())

    server.behaviour = lambda handler, _: handler.say_nothing()
    before = workers()
    engine = open_engine(config(server, stall_timeout_seconds=0.2), "")
    assert workers() == before + 1
    with pytest.raises(EngineStalledError):
        list(engine.complete(requests(2)))
    engine.close()
    engine.close()
    assert workers() == before


@pytest.mark.parametrize("padding", [0, 260], ids=["whole", "across the excerpt's end"])
def test_the_key_is_sent_and_appears_in_no_message(
    server: MoodyServer, monkeypatch: pytest.MonkeyPatch, padding: int
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")

    def parrot(handler: Handler, _: int) -> None:
        handler.send_json(400, {"error": f"bad header {'.' * padding}{handler.headers['Authorization']}"})

    server.behaviour = parrot
    settings = config(server, api_key_env="MY_KEY")
    with open_engine(settings, "") as engine:
        (result,) = engine.complete(requests(1))
    assert server.authorizations == {"Bearer sk-very-secret"}
    assert "sk-very" not in (result.error or "")
    assert "bad header" in (result.error or "")
    assert "sk-very-secret" not in settings.model_dump_json()


def test_no_key_means_no_header(server: MoodyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROX_SERVER_API_KEY", raising=False)
    with open_engine(config(server), ""):
        assert server.authorizations == {None}


def test_a_key_that_is_not_accepted_is_an_engine_error(server: MoodyServer) -> None:
    server.behaviour = lambda handler, _: handler.send_json(401, {"error": "who are you"})
    with (
        open_engine(config(server), "") as engine,
        pytest.raises(EngineError, match="PROX_SERVER_API_KEY"),
    ):
        list(engine.complete(requests(1)))


def test_a_server_without_token_ids_is_an_engine_error(server: MoodyServer) -> None:
    choice = {"text": "ok", "finish_reason": "stop"}
    server.behaviour = lambda handler, _: handler.send_json(200, {"choices": [choice]})
    with open_engine(config(server), "") as engine, pytest.raises(EngineError, match="no token ids"):
        list(engine.complete(requests(1)))


def test_a_model_that_is_not_served_is_named_with_those_that_are(server: MoodyServer) -> None:
    with pytest.raises(EngineStartError, match=r"'huge'.*tiny"):
        open_engine(config(server, model="huge"), "")


def test_the_window_is_the_servers_unless_a_shorter_one_is_set(server: MoodyServer) -> None:
    with open_engine(config(server), "") as engine:
        assert engine.max_model_len == 100
    with open_engine(config(server, max_model_len=50), "") as engine:
        assert engine.max_model_len == 50
    with open_engine(config(server, max_model_len=500), "") as engine:
        assert engine.max_model_len == 100


@contextmanager
def forgetful_proxy(target: VllmServer) -> Iterator[MoodyServer]:
    """A proxy that drops `logprob_token_ids`, as the completions endpoint of older vLLM servers does."""

    def forward(handler: Handler, _: int) -> None:
        payload = {**handler.payload, "model": str(target.model)}
        payload.pop("logprob_token_ids", None)
        answer = httpx.post(f"{target.base_url}/v1/completions", json=payload, trust_env=False)
        handler.send_bytes(answer.status_code, answer.content)

    with moody_server() as proxy:
        proxy.behaviour = forward
        yield proxy


@pytest.mark.vllm
def test_a_server_that_cannot_choose_tokens_is_asked_for_the_whole_vocabulary(
    vllm_server: VllmServer, server_engine: Engine
) -> None:
    requests = [ScoreRequest(f"r{i}", (5, 6, 7 + i, 8), (1, 3), (2, 3, 200 + i)) for i in range(3)]
    direct = {score.request_id: score for score in server_engine.score(requests)}
    with forgetful_proxy(vllm_server) as proxy, open_engine(config(proxy), "") as engine:
        for score in engine.score(requests):
            for row, expected in zip(score.log_probabilities, direct[score.request_id].log_probabilities, strict=True):
                assert row == pytest.approx(expected, abs=1e-4)
