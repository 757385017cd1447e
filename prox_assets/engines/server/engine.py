"""The engine for an OpenAI-compatible server: runs an event loop with one task per request in its own thread.

Requests and answers are in queries.py.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from prox_assets.engines.config import ServerEngineConfig
from prox_assets.engines.protocol import (
    Completion,
    CompletionRequest,
    EngineError,
    EngineStartError,
    Score,
    ScoreRequest,
)
from prox_assets.engines.request_checks import Limits, room_for_answer
from prox_assets.engines.server.client import CompletionsClient, RequestFailedError, RequestRefusedError, ServedModel
from prox_assets.engines.server.queries import ServerModel
from prox_assets.engines.stream import Outbox, ResultT, StreamingEngine, completion_error, score_error

ValueT = TypeVar("ValueT")


class ServerEngine(StreamingEngine):
    """An engine for a completions server that is already running.

    Args:
        config: Where the server is, and its timeouts and retries.

    Raises:
        EngineStartError: The server cannot be reached, or does not serve the model.
    """

    def __init__(self, config: ServerEngineConfig) -> None:
        super().__init__(
            name="server", look_ahead=config.look_ahead, stall_timeout_seconds=config.stall_timeout_seconds
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="prox-server", daemon=True)
        self._tasks: dict[Outbox, set[asyncio.Task[None]]] = {}
        self._thread.start()
        try:
            self._client, served = self._run(self._connect(config))
        except BaseException:
            self._stop_loop()
            raise
        self._limits = Limits(served.max_model_len, vocab_size=None)
        self._model = ServerModel(self._client, served.name)

    def _submit_completion(self, request: CompletionRequest, outbox: Outbox[Completion]) -> None:
        max_tokens = room_for_answer(request, self._limits)
        self._start_task(
            outbox,
            lambda: self._model.complete(request, max_tokens),
            lambda error: completion_error(request, error),
        )

    def _submit_score(self, request: ScoreRequest, outbox: Outbox[Score]) -> None:
        self._start_task(outbox, lambda: self._model.score(request), lambda error: score_error(request, error))

    def _cancel(self, outbox: Outbox) -> None:
        def cancel() -> None:
            for task in self._tasks.get(outbox, ()):
                task.cancel()

        if not self._closed:
            self._loop.call_soon_threadsafe(cancel)

    def _check_alive(self) -> None:
        if not self._thread.is_alive():
            raise EngineError("The thread that talks to the server has ended.")

    def _shut_down(self) -> None:
        self._run(self._disconnect())
        self._stop_loop()

    async def _connect(self, config: ServerEngineConfig) -> tuple[CompletionsClient, ServedModel]:
        client = CompletionsClient(config, on_answer=self._watchdog.progressed)
        try:
            return client, await client.served_model()
        except EngineStartError:
            await client.close()
            raise

    async def _disconnect(self) -> None:
        tasks = [task for group in self._tasks.values() for task in group]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    def _start_task(
        self,
        outbox: Outbox[ResultT],
        ask: Callable[[], Coroutine[Any, Any, ResultT]],
        as_error: Callable[[str], ResultT],
    ) -> None:
        def start() -> None:
            task = self._loop.create_task(self._answer(outbox, ask, as_error))
            group = self._tasks.setdefault(outbox, set())
            group.add(task)
            task.add_done_callback(lambda done: self._forget(outbox, done))

        self._loop.call_soon_threadsafe(start)

    async def _answer(
        self,
        outbox: Outbox[ResultT],
        ask: Callable[[], Coroutine[Any, Any, ResultT]],
        as_error: Callable[[str], ResultT],
    ) -> None:
        try:
            result = await ask()
        except* RequestRefusedError as group:
            outbox.put(as_error(_message(group)))
        except* RequestFailedError as group:
            # A failure is not progress, so a server that always fails still trips the watchdog.
            outbox.put(as_error(_message(group)), progress=False)
        except* EngineError as group:
            outbox.fail(EngineError(_message(group)))
        except* Exception as group:
            outbox.fail(EngineError(f"The answer could not be read: {group.exceptions[0]!r}"))
        else:
            outbox.put(result)

    def _forget(self, outbox: Outbox, task: "asyncio.Task[None]") -> None:
        group = self._tasks[outbox]
        group.discard(task)
        if not group:
            del self._tasks[outbox]

    def _run(self, coroutine: Coroutine[Any, Any, ValueT]) -> ValueT:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _message(group: BaseExceptionGroup) -> str:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(first)
