"""Worker processes that build a refiner's prompts, for engines faster than one process can feed.

Cutting and tokenizing takes several milliseconds per page, most of them in Python. With an H100 that reads 450,000
tokens a second, the engine's thread and the prompts competed for one lock, and a stage reached 0.60 (documents) and
0.75 (chunks) of the engine's throughput.

A worker ends when its connection closes: on `close`, or when this process dies for any reason. The connection stays
open while any copy of it is open, so if children of this process inherited one, the worker ends with the last of them.
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
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, cycle
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from prox_assets.engines.config import EngineConfig, VllmEngineConfig
from prox_assets.engines.protocol import EngineError, EngineStalledError
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.prompts.makers import prompt_maker

PromptsT = TypeVar("PromptsT")

MAX_PROCESSES = 8
# A second batch waits while the worker handles the first; more would only read further ahead.
BATCHES_EACH = 2
_END_SECONDS = 5.0


def process_count(engine: EngineConfig) -> int:
    """Return how many processes build prompts for an engine: as configured, or half the cores for vLLM on a GPU.

    On a CPU the model needs the cores, and a server gets requests no faster than its `concurrency` allows.
    """
    if engine.prompt_processes is not None:
        return engine.prompt_processes
    if not isinstance(engine, VllmEngineConfig):
        return 0
    import torch

    return min(MAX_PROCESSES, len(os.sched_getaffinity(0)) // 2) if torch.cuda.is_available() else 0


@dataclass(frozen=True, slots=True)
class _Helper:
    """A worker process and the connection to it; sending and receiving both time out."""

    process: subprocess.Popen[bytes]
    connection: Connection
    stall_timeout_seconds: float

    @classmethod
    def start(cls, config: RefinerConfig, model_path: Path, stall_timeout_seconds: float) -> "_Helper":
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
        helper = cls(process, Connection(ours.detach()), stall_timeout_seconds)
        helper.send((config.model_dump_json(), str(model_path)))
        return helper

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
                f"A process that makes prompts ({self.process.pid}) took or sent nothing for "
                f"{self.stall_timeout_seconds:g} s. If the machine is merely slow, raise stall_timeout_seconds."
            ) from error
        except (EOFError, OSError) as error:
            raise self._ended() from error

    def _ended(self) -> EngineError:
        try:
            code = self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        return EngineError(
            f"A process that makes prompts ({self.process.pid}) ended with exit code {code}; what it printed says why "
            "(often: out of memory)."
        )

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
        self._streams = count()
        self._stream = -1
        self._helpers: list[_Helper] = []
        try:
            for _ in range(processes):
                self._helpers.append(_Helper.start(config, model_path, stall_timeout_seconds))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "PromptProcesses":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; safe to call twice."""
        helpers, self._helpers = self._helpers, []
        for helper in helpers:
            helper.connection.close()
        until = time.monotonic() + _END_SECONDS
        for helper in helpers:
            helper.end(max(0.0, until - time.monotonic()))

    def prompts(self, batches: Iterable[Sequence[str]]) -> Iterator[list[Any]]:
        """Yield the prompts of each batch, in order; a few batches are read ahead.

        Starting another stream ends this one.

        Raises:
            EngineError: A worker ended or is stuck, or another stream was started.
        """
        self._stream = stream = next(self._streams)
        # Each worker answers in the order in which it is asked, so taking turns keeps the order of batches.
        under_way: deque[tuple[int, _Helper]] = deque()
        turns = cycle(self._helpers)
        numbered = enumerate(batches)
        more = True
        while True:
            while more and len(under_way) < BATCHES_EACH * len(self._helpers):
                number, texts = next(numbered, (-1, ()))
                more = number >= 0
                if more:
                    helper = next(turns)
                    helper.send(((stream, number), list(texts)))
                    under_way.append((number, helper))
            if not under_way:
                return
            yield self._answer((stream, under_way[0][0]), under_way[0][1])
            under_way.popleft()
            if stream != self._stream:
                raise EngineError("another stream of prompts has begun meanwhile")

    def _answer(self, asked: tuple[int, int], helper: _Helper) -> list[Any]:
        """Return the answer to a batch, skipping answers to abandoned streams."""
        while True:
            answered, made = helper.receive()
            if answered == asked:
                return made


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
