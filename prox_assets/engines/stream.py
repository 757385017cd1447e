"""The caller's side of an engine: pulls requests from an iterator, returns results, and cleans up afterwards.

`StreamingEngine` is the part of the protocol that all engines share; an engine's worker thread passes its results
through an `Outbox`. The caller's iterator runs in the caller's thread, so it may use objects that are not thread-safe.
The model runs in the worker's thread, so the two overlap, and a model blocked in native code cannot block the watchdog.
"""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Self, TypeVar

from prox_assets.engines.protocol import (
    Completion,
    CompletionRequest,
    EngineError,
    EngineStalledError,
    Score,
    ScoreRequest,
)
from prox_assets.engines.request_checks import Limits, completion_problem, score_problem
from prox_assets.engines.watchdog import ProgressWatchdog

RequestT = TypeVar("RequestT", CompletionRequest, ScoreRequest)
ResultT = TypeVar("ResultT", Completion, Score)

_ALIVE_CHECK_SECONDS = 0.5
"""How often a waiting caller checks that the worker and its processes are still alive."""


class Outbox(Generic[ResultT]):
    """The queue into which the worker puts the results of one `complete` or `score` call.

    After `close`, results are dropped, and `closed` tells the worker to stop working on this call.
    """

    def __init__(self, watchdog: ProgressWatchdog) -> None:
        self._watchdog = watchdog
        self._queue: queue.SimpleQueue[ResultT | EngineError] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._under_way = 0
        self.closed = False

    def expect(self) -> None:
        """Record that one more result is expected."""
        with self._lock:
            self._under_way += 1
        self._watchdog.started()

    def put(self, result: ResultT, *, progress: bool = True) -> None:
        """Pass one result to the caller.

        Args:
            result: The result, with or without `error`.
            progress: False if the engine gave up instead of answering, which does not count as progress.
        """
        with self._lock:
            if self.closed:
                return
            self._under_way -= 1
            self._queue.put(result)
        self._watchdog.finished(progress=progress)

    def fail(self, error: EngineError) -> None:
        """Make the caller raise `error`, after it has received all earlier results."""
        self._queue.put(error)

    def ready(self) -> bool:
        """Tell whether a result is available without waiting."""
        return not self._queue.empty()

    def get(self, timeout_seconds: float) -> ResultT:
        """Return the next result.

        Raises:
            queue.Empty: No result arrived in time.
            EngineError: The worker failed.
        """
        item = self._queue.get(timeout=timeout_seconds)
        if isinstance(item, EngineError):
            raise item
        return item

    def close(self) -> None:
        """Stop accepting results."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            given_up, self._under_way = self._under_way, 0
        self._watchdog.finished(given_up, progress=False)


class StreamingEngine(ABC):
    """The common base of the vLLM, server and transformers engines; see `prox_assets.engines.protocol.Engine`."""

    _limits: Limits
    """Set by the engine once its model is known."""

    def __init__(self, *, name: str, look_ahead: int, stall_timeout_seconds: float) -> None:
        self._name = name
        self._look_ahead = look_ahead
        self._watchdog = ProgressWatchdog(stall_timeout_seconds)
        self._closed = False

    @abstractmethod
    def _submit_completion(self, request: CompletionRequest, outbox: Outbox[Completion]) -> None:
        """Start a request that passed `completion_problem`; must not block on the model."""

    @abstractmethod
    def _submit_score(self, request: ScoreRequest, outbox: Outbox[Score]) -> None:
        """Start a request that passed `score_problem`; must not block on the model."""

    @abstractmethod
    def _cancel(self, outbox: Outbox) -> None:
        """Stop working on a closed outbox's requests; must not block on the model."""

    @abstractmethod
    def _check_alive(self) -> None:
        """Raise EngineError if the worker, or a process that it depends on, is gone."""

    @abstractmethod
    def _shut_down(self) -> None:
        """Release everything; called once."""

    @property
    def max_model_len(self) -> int:
        """The context window in tokens, prompt and answer together."""
        return self._limits.max_model_len

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion]:
        """Generate for each request; see the protocol."""
        return self._stream(requests, completion_problem, completion_error, self._submit_completion)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Score candidates for each request; see the protocol."""
        return self._stream(requests, score_problem, score_error, self._submit_score)

    def close(self) -> None:
        """Release the model, its processes, threads and connections; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._shut_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _stream(
        self,
        requests: Iterable[RequestT],
        problem_of: Callable[[RequestT, Limits], str | None],
        as_error: Callable[[RequestT, str], ResultT],
        submit: Callable[[RequestT, Outbox[ResultT]], None],
    ) -> Iterator[ResultT]:
        outbox: Outbox[ResultT] = Outbox(self._watchdog)
        waiting: set[str] = set()
        iterator = iter(requests)
        exhausted = False
        try:
            while True:
                # Pull at least one request per result, and more while there is room and no result is ready.
                while not exhausted and len(waiting) < self._look_ahead:
                    request = next(iterator, None)
                    if request is None:
                        exhausted = True
                        break
                    if self._closed:
                        raise EngineError(f"The {self._name} engine is closed; open a new one.")
                    if request.request_id in waiting:
                        raise ValueError(f"Two requests with the request_id {request.request_id!r} are under way.")
                    waiting.add(request.request_id)
                    outbox.expect()
                    if problem := problem_of(request, self._limits):
                        outbox.put(as_error(request, problem))
                    else:
                        submit(request, outbox)
                    if outbox.ready():
                        break
                if not waiting:
                    return
                result = self._wait(outbox, waiting)
                waiting.remove(result.request_id)
                yield result
        finally:
            outbox.close()
            if waiting:
                self._cancel(outbox)

    def _wait(self, outbox: Outbox[ResultT], waiting: set[str]) -> ResultT:
        while True:
            seconds_left = self._watchdog.seconds_left()
            try:
                result = outbox.get(timeout_seconds=min(seconds_left, _ALIVE_CHECK_SECONDS))
            except queue.Empty:
                if self._closed:
                    raise EngineError(f"The {self._name} engine was closed while requests were under way.") from None
                self._check_alive()
                if seconds_left > 0:
                    continue
            else:
                # A stalled engine may still give up on single requests, which must not hide the stall.
                if seconds_left > 0 or result.error is None:
                    return result
            some = sorted(waiting)[:3]
            raise EngineStalledError(
                f"The {self._name} engine made no progress for {self._watchdog.timeout_seconds:g} s (no result, no "
                f"token) with {len(waiting)} requests under way, among them {', '.join(some)}. If the hardware is "
                "merely slow, raise stall_timeout_seconds; otherwise look at the engine's log and start it anew."
            )


def completion_error(request: CompletionRequest, error: str) -> Completion:
    """Return the result of a completion that failed on its own."""
    return Completion(request.request_id, "", (), "error", len(request.prompt_token_ids), 0, error)


def score_error(request: ScoreRequest, error: str) -> Score:
    """Return the result of a score that failed on its own."""
    return Score(request.request_id, (), len(request.prompt_token_ids), error)
