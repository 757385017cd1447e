"""What the protocol promises beside the numbers: refusals, look-ahead, order of pulling, nothing left behind."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from prox_assets.engines.protocol import Completion, CompletionRequest, Engine, EngineError, ScoreRequest


def requests(count: int, *, max_tokens: int = 2, length: int = 6) -> Iterator[CompletionRequest]:
    for i in range(count):
        yield CompletionRequest(f"r{i}", tuple(4 + (i + k) % 500 for k in range(length)), max_tokens)


def is_idle(engine: Engine) -> bool:
    """Tell whether the engine's worker has neither a running request nor one in its queue."""
    busy = {
        "VllmEngine": lambda e: e._worker._jobs or not e._worker._commands.empty(),
        "ServerEngine": lambda e: e._tasks,
        "TransformersEngine": lambda e: not e._inbox.empty(),
    }
    return not busy[type(engine).__name__](engine)


def eventually(condition: Callable[[], bool], within_seconds: float = 10) -> bool:
    until = time.monotonic() + within_seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def test_an_empty_stream_gives_nothing(engine: Engine) -> None:
    assert list(engine.complete([])) == []
    assert list(engine.score(iter([]))) == []


def test_every_request_gets_exactly_one_result(engine: Engine) -> None:
    results = [result.request_id for result in engine.complete(requests(150))]
    assert len(results) == 150
    assert set(results) == {f"r{i}" for i in range(150)}


def test_the_window_is_the_checkpoints(engine: Engine) -> None:
    assert engine.max_model_len == 2048


def test_a_prompt_that_fills_the_window_is_an_error_result_and_the_others_go_on(engine: Engine) -> None:
    longest = engine.max_model_len - 1
    results = {
        result.request_id: result
        for result in engine.complete(
            [
                CompletionRequest("fits", (5,) * longest, 4),
                CompletionRequest("too long", (5,) * (longest + 1), 4),
                CompletionRequest("far too long", (5,) * 5000, 4),
                CompletionRequest("short", (5, 6), 4),
            ]
        )
    }
    for name in ("too long", "far too long"):
        assert results[name].finish_reason == "error"
        assert str(engine.max_model_len) in (results[name].error or "")
        assert results[name].token_ids == ()
    # What the window leaves is one token.
    assert (results["fits"].finish_reason, results["fits"].completion_tokens) == ("length", 1)
    assert results["short"].error is None
    scores = {
        score.request_id: score
        for score in engine.score(
            [
                ScoreRequest("fits", (5,) * longest, (longest - 1,), (7,)),
                ScoreRequest("too long", (5,) * (longest + 1), (0,), (7,)),
            ]
        )
    }
    assert scores["fits"].error is None
    assert scores["too long"].error is not None
    assert scores["too long"].log_probabilities == ()


@pytest.mark.parametrize(
    "bad",
    [
        CompletionRequest("bad", (), 4),
        CompletionRequest("bad", (5, 6), 0),
        CompletionRequest("bad", (5, 100_000), 4),
        CompletionRequest("bad", (5, 6), 4, grammar="start: missing"),
    ],
    ids=["empty prompt", "no tokens", "unknown token", "broken grammar"],
)
def test_a_request_that_cannot_be_run_is_an_error_result(engine: Engine, bad: CompletionRequest) -> None:
    results = {result.request_id: result for result in engine.complete([bad, CompletionRequest("good", (5, 6), 1)])}
    assert results["bad"].finish_reason == "error"
    assert results["bad"].error
    assert results["good"].finish_reason == "length"


@pytest.mark.parametrize(
    "bad",
    [
        ScoreRequest("bad", (5, 6), (2,), (7,)),
        ScoreRequest("bad", (5, 6), (-1,), (7,)),
        ScoreRequest("bad", (5, 6), (), (7,)),
        ScoreRequest("bad", (5, 6), (1,), ()),
        ScoreRequest("bad", (5, 6), (1,), (-3,)),
    ],
    ids=["after the end", "before the start", "no position", "no candidate", "negative token"],
)
def test_a_score_that_cannot_be_had_is_an_error_result(engine: Engine, bad: ScoreRequest) -> None:
    results = {result.request_id: result for result in engine.score([bad, ScoreRequest("good", (5, 6), (1,), (7,))])}
    assert results["bad"].error
    assert results["bad"].log_probabilities == ()
    assert results["good"].error is None


def test_requests_are_pulled_within_the_look_ahead_and_in_the_callers_thread(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_look_ahead", 5)
    pulled: list[str] = []
    received: list[Completion] = []
    furthest = 0

    def watched() -> Iterator[CompletionRequest]:
        nonlocal furthest
        for request in requests(60):
            assert threading.current_thread() is threading.main_thread()
            pulled.append(request.request_id)
            furthest = max(furthest, len(pulled) - len(received))
            yield request

    for result in engine.complete(watched()):
        received.append(result)  # noqa: PERF402 (the iterator above must see it at once)
    assert len(received) == 60
    assert furthest <= 5
    assert furthest > 1


def test_the_first_result_comes_before_the_source_is_exhausted(engine: Engine) -> None:
    pulled = 0

    def endless() -> Iterator[CompletionRequest]:
        nonlocal pulled
        while True:
            pulled += 1
            yield CompletionRequest(f"r{pulled}", (5, 6, 7), 1)

    stream = engine.complete(endless())
    for _ in range(20):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert pulled < 2000


def test_an_abandoned_stream_leaves_no_request_running_and_the_engine_usable(engine: Engine) -> None:
    threads = threading.active_count()
    long = list(requests(200, max_tokens=2000))
    # The refused request comes back at once, with twenty long ones under way.
    for result in engine.complete([*long[:20], CompletionRequest("refused", (), 1), *long[20:]]):
        assert result.request_id == "refused"
        break
    began = time.monotonic()
    assert eventually(lambda: is_idle(engine))
    assert threading.active_count() <= threads
    # The long answers would take longer.
    assert len(list(engine.complete(requests(3)))) == 3
    assert time.monotonic() - began < 10


def test_an_exception_of_the_callers_source_reaches_the_caller_and_stops_the_work(engine: Engine) -> None:
    def broken() -> Iterator[CompletionRequest]:
        yield from requests(10, max_tokens=1500)
        raise LookupError("the tokenizer is gone")

    with pytest.raises(LookupError, match="the tokenizer is gone"):
        list(engine.complete(broken()))
    assert eventually(lambda: is_idle(engine))


def test_two_streams_may_be_read_by_turns(engine: Engine) -> None:
    completions = engine.complete(requests(30))
    scores = engine.score(ScoreRequest(f"r{i}", (5, 6, 7 + i), (1, 2), (8, 9)) for i in range(30))
    pairs = list(zip(completions, scores, strict=True))
    assert {completion.request_id for completion, _ in pairs} == {f"r{i}" for i in range(30)}
    assert {score.request_id for _, score in pairs} == {f"r{i}" for i in range(30)}


def test_a_slow_caller_is_not_taken_for_a_stalled_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine._watchdog, "timeout_seconds", 1.0)  # type: ignore[attr-defined]
    for _ in engine.complete(requests(3)):
        time.sleep(1.3)


def test_a_closed_engine_says_so(transformers_engine: Engine, tiny_llama: object) -> None:
    from prox_assets.engines.config import TransformersEngineConfig
    from prox_assets.engines.open import open_engine

    def workers() -> int:
        return sum(thread.name == "prox-transformers" for thread in threading.enumerate())

    before = workers()
    with open_engine(TransformersEngineConfig(device="cpu"), str(tiny_llama)) as other:
        stream = other.complete([CompletionRequest("short", (5, 6), 1), CompletionRequest("long", (5, 6), 2000)])
        assert next(stream).request_id == "short"
    other.close()
    assert workers() == before
    with pytest.raises(EngineError, match="closed"):
        list(stream)
    with pytest.raises(EngineError, match="closed"):
        list(other.complete(requests(1)))
    assert len(list(transformers_engine.complete(requests(1)))) == 1
