"""The thread that owns vLLM: takes jobs, steps the engine, passes results on.

vLLM's LLMEngine is not thread-safe, so only this thread touches it between start and shutdown. What a job asks of vLLM,
and how it reads the answer, is in jobs.py.
"""

import contextlib
import itertools
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.protocol import EngineError, EngineStartError
from prox_assets.engines.stream import Outbox
from prox_assets.engines.vllm.jobs import Ask, Job
from prox_assets.engines.vllm.start import RunningVllm, start_vllm
from prox_assets.engines.watchdog import ProgressWatchdog

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput

_STOP_SECONDS = 20.0
"""How long a shutdown may take: vLLM gives its core 5 s, and its workers some more."""


@dataclass(frozen=True, slots=True)
class _Cancel:
    outbox: Outbox


class _Stop:
    pass


class VllmWorker:
    """A running vLLM and its thread; `submit`, `cancel` and `check_alive` never wait for the model.

    Args:
        config: Settings of vLLM.
        model_path: Local model folder.
        watchdog: Notified of every step.
    """

    def __init__(self, config: VllmEngineConfig, model_path: str, watchdog: ProgressWatchdog) -> None:
        self._config = config
        self._model_path = model_path
        self._watchdog = watchdog
        self._commands: queue.SimpleQueue[Job | _Cancel | _Stop] = queue.SimpleQueue()
        self._started = threading.Event()
        self._vllm: RunningVllm | None = None
        self._failure: EngineError | None = None
        # A daemon thread, because a core that runs in this process and hangs in native code can never be joined.
        self._thread = threading.Thread(target=self._run, name="prox-vllm", daemon=True)
        self._jobs: dict[str, tuple[Job, Ask]] = {}
        self._numbers = itertools.count()

    def start(self) -> tuple[int, int]:
        """Load the model; return its context window and vocabulary size.

        Raises:
            EngineStartError: vLLM did not start.
        """
        self._thread.start()
        self._started.wait()
        if self._vllm is None:
            raise self._failure or EngineStartError("vLLM did not start.")
        model_config = self._vllm.engine.model_config
        return model_config.max_model_len, model_config.get_vocab_size()

    def submit(self, job: Job) -> None:
        """Start a job."""
        self._commands.put(job)

    def cancel(self, outbox: Outbox) -> None:
        """Abort every job of a closed outbox."""
        self._commands.put(_Cancel(outbox))

    def check_alive(self) -> None:
        """Raise EngineError if the loop or an engine process has ended."""
        if self._failure is not None:
            raise self._failure
        if not self._thread.is_alive():
            raise EngineError("The thread that runs vLLM has ended.")
        vllm = self._vllm
        if vllm is not None:
            vllm.core.check_alive()

    def stop(self) -> None:
        """End the loop and vLLM; kill a core that does not react."""
        self._commands.put(_Stop())
        self._thread.join(_STOP_SECONDS if self._healthy() else 0.1)
        vllm = self._vllm
        if self._thread.is_alive() and vllm is not None and vllm.core:
            vllm.core.kill()
            # The thread waits in `outputs_queue.get()`, and vLLM does not wake it if its core was killed.
            outputs = getattr(vllm.engine.engine_core, "outputs_queue", None)
            if outputs is not None:
                outputs.put_nowait(EngineError("The engine core was killed."))
            self._thread.join(_STOP_SECONDS)

    def _healthy(self) -> bool:
        with contextlib.suppress(EngineError):
            self.check_alive()
            return self._watchdog.seconds_left() > 0
        return False

    def _run(self) -> None:
        try:
            self._vllm = start_vllm(self._config, self._model_path)
        except EngineError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        try:
            self._loop(self._vllm)
        except Exception as error:
            failure = EngineError(f"vLLM failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            self._failure = failure
        finally:
            self._jobs.clear()
            try:
                self._vllm.shut_down()
            finally:
                # Captured graphs and weights stay on the GPU as long as anything references the engine.
                self._vllm = None

    def _loop(self, vllm: RunningVllm) -> None:
        while True:
            # Block only if there is nothing to compute; otherwise take new commands and step again.
            while not self._jobs or not self._commands.empty():
                command = self._commands.get()
                if isinstance(command, _Stop):
                    return
                if isinstance(command, _Cancel):
                    self._abort(vllm, command.outbox)
                elif not command.outbox.closed:
                    self._ask(vllm, command, command.first_asks())
            self._step(vllm)

    def _ask(self, vllm: RunningVllm, job: Job, asks: list[Ask]) -> None:
        for ask in asks:
            # We use our own names, because the caller's are unique only within one call.
            name = f"prox-{next(self._numbers)}"
            try:
                vllm.engine.add_request(name, {"prompt_token_ids": list(ask.prompt_token_ids)}, ask.parameters)
            except Exception as error:
                # The exception for a rejected request differs between vLLM versions, so rule out a dead core first.
                vllm.core.check_alive()
                job.refuse(str(error))
                return
            self._jobs[name] = (job, ask)

    def _step(self, vllm: RunningVllm) -> None:
        outputs = vllm.engine.step()
        # Only final outputs are returned, but a step also ends when unfinished sequences got a token.
        self._watchdog.progressed()
        for output in outputs:
            job, ask = self._jobs.pop(output.request_id)
            self._ask(vllm, job, job.take(ask, cast("RequestOutput", output)))

    def _abort(self, vllm: RunningVllm, outbox: Outbox) -> None:
        names = [name for name, (job, _) in self._jobs.items() if job.outbox is outbox]
        vllm.engine.abort_request(names)
        for name in names:
            del self._jobs[name]
