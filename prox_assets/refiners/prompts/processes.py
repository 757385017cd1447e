"""Worker processes that build a refiner's prompts, for engines faster than one process can feed.

Cutting and tokenizing takes several milliseconds per page, most of them in Python. In the process of an H100's engine,
prompts competed for Python's lock: a stage reached 0.60 (documents) and 0.75 (chunks) of the engine's throughput.

A worker ends when its connection closes: on `close`, or when this process and all children that inherited the
connection are gone.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from prox_assets.engines.config import EngineConfig, VllmEngineConfig
from prox_assets.engines.protocol import EngineError, EngineStalledError
from prox_assets.machine.capacity import usable_cores
from prox_assets.machine.leases import fair_share
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.prompts.makers import prompt_maker

PromptsT = TypeVar("PromptsT")

MAX_PROCESSES = 8
# A second batch waits while the worker handles the first; more would only read further ahead.
BATCHES_EACH = 2
_END_SECONDS = 5.0


def process_count(engine: EngineConfig) -> int:
    """Return how many processes build prompts for an engine: as configured, or half its share of the cores.

    The default is for vLLM on a GPU. On a CPU the model needs the cores, and a server gets requests no faster than its
    `concurrency` allows.
    """
    if engine.prompt_processes is not None:
        return engine.prompt_processes
    if not isinstance(engine, VllmEngineConfig):
        return 0
    import torch

    return min(MAX_PROCESSES, fair_share(usable_cores()) // 2) if torch.cuda.is_available() else 0


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker process and the connection to it; sending and receiving both time out."""

    process: subprocess.Popen[bytes]
    connection: Connection
    stall_timeout_seconds: float

    @classmethod
    def start(cls, config: RefinerConfig, model_path: Path, stall_timeout_seconds: float) -> "_Worker":
        ours, theirs = socket.socketpair()
        timeout = struct.pack("@ll", int(stall_timeout_seconds), int(stall_timeout_seconds % 1 * 1e6))
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, timeout)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (this module)
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # One core each: otherwise the tokenizers library starts a thread for every core in every process.
                env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
            )
        worker = cls(process, Connection(ours.detach()), stall_timeout_seconds)
        worker.send((config.model_dump_json(), str(model_path)))
        return worker

    def send(self, message: object) -> None:
        with self._errors():
            self.connection.send(message)

    def receive(self) -> Any:  # noqa: ANN401 (what `_serve` sends)
        with self._errors():
            return self.connection.recv()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise EngineStalledError(
                f"Prompt process {self.process.pid} neither read nor sent anything for "
                f"{self.stall_timeout_seconds:g} s. If the machine is merely slow, raise stall_timeout_seconds."
            ) from error
        except (EOFError, OSError) as error:
            code = None
            with suppress(subprocess.TimeoutExpired):
                code = self.process.wait(_END_SECONDS)
            raise EngineError(
                f"Prompt process {self.process.pid} ended with exit code {code}; its output says why (often: out of "
                "memory)."
            ) from error

    def end(self, grace_seconds: float) -> None:
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class PromptProcesses:
    """Builds the prompts of one refiner in worker processes; close it, or use it as a context manager.

    Args:
        config: The refiner, with its prompt format already chosen.
        model_path: Folder with its tokenizer.
        processes: Number of workers, at least 1.
        stall_timeout_seconds: Fail when a worker accepts or sends nothing for this long.
    """

    def __init__(self, config: RefinerConfig, model_path: Path, processes: int, stall_timeout_seconds: float) -> None:
        self._stream = 0
        self._workers: list[_Worker] = []
        try:
            for _ in range(processes):
                self._workers.append(_Worker.start(config, model_path, stall_timeout_seconds))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "PromptProcesses":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; safe to call twice."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.connection.close()
        until = time.monotonic() + _END_SECONDS
        for worker in workers:
            worker.end(max(0.0, until - time.monotonic()))

    def prompts(self, batches: Iterable[Sequence[str]]) -> Iterator[list[Any]]:
        """Yield the prompts of each batch, in order; a few batches are read ahead.

        Starting another stream ends this one.

        Raises:
            EngineError: A worker ended or is stuck, or another stream was started.
        """
        self._stream = stream = self._stream + 1
        # Each worker answers in the order in which it is asked, so taking turns keeps the order of batches.
        under_way: deque[tuple[tuple[int, int], _Worker]] = deque()
        turns = zip(enumerate(batches), cycle(self._workers), strict=False)
        while True:
            room = BATCHES_EACH * len(self._workers) - len(under_way)
            for (number, texts), worker in islice(turns, room):
                worker.send(((stream, number), list(texts)))
                under_way.append(((stream, number), worker))
            if not under_way:
                return
            asked, worker = under_way.popleft()
            answered, made = worker.receive()
            while answered != asked:  # an answer to an abandoned stream
                answered, made = worker.receive()
            yield made
            if stream != self._stream:
                raise EngineError("Another stream of prompts was started, so this one has ended.")


def _serve(connection: Connection) -> None:
    """Answer batches until the connection closes."""
    config_json, model_path = connection.recv()
    waiting: SimpleQueue[tuple[tuple[int, int], list[str]] | None] = SimpleQueue()

    def take_in() -> None:
        # Always reading prevents a deadlock when the parent sends a batch while this process sends an answer.
        try:
            while True:
                waiting.put(connection.recv())
        except (EOFError, OSError):
            waiting.put(None)

    threading.Thread(target=take_in, name="prox-prompts", daemon=True).start()
    config = RefinerConfig.model_validate_json(config_json)
    maker = prompt_maker(config, load_tokenizer(Path(model_path)))
    while (batch := waiting.get()) is not None:
        asked, texts = batch
        connection.send((asked, maker.make(texts)))


def _main(descriptor: int) -> None:
    # Ctrl-C reaches every process of the run; the run decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _serve(Connection(descriptor))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The parent is gone.
        os._exit(0)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
