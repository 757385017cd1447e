"""vLLM alone, as the yardstick: one `LLM.generate` over the prompts that a program stage asks.

`LLM` gets the very engine that a refiner's session runs, and a stage's requests, known beforehand. One call is timed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Self, cast
from unittest.mock import patch

import psutil

from prox_assets.engines.protocol import Completion, CompletionRequest, Score, ScoreRequest
from prox_assets.engines.request_checks import Limits, room_for_answer
from prox_assets.engines.stream import Outbox
from prox_assets.engines.vllm.jobs import Ask, CompletionJob, ScoreJob
from prox_assets.engines.watchdog import ProgressWatchdog
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.open import open_chunk_refiner, open_document_refiner
from prox_assets.refiners.protocol import RefinerInput

if TYPE_CHECKING:
    from vllm import LLM
    from vllm.v1.engine.llm_engine import LLMEngine

WARM_UP_PROMPTS = 64
IDLE_SECONDS = 10.0  # that an engine may take to become idle


@dataclass(frozen=True, slots=True)
class Timed:
    """Work that was timed.

    Attributes:
        seconds: Wall time.
        cpu_seconds: Processor time of this process and its children, the engine's core among them.
        prompt_tokens: Tokens shown to the model.
        generated_tokens: Tokens that it generated.
    """

    seconds: float
    cpu_seconds: float
    prompt_tokens: int
    generated_tokens: int

    @property
    def tokens_per_second(self) -> float:
        """Tokens shown and generated, per second."""
        return (self.prompt_tokens + self.generated_tokens) / self.seconds


class StopWatch:
    """Measures wall time and the processor time of this process and its living children."""

    def __init__(self) -> None:
        self._cpu, self._wall = _cpu_seconds(), perf_counter()

    def read(self) -> tuple[float, float]:
        """Return the seconds of wall time and of processor time since it was made."""
        wall = perf_counter() - self._wall
        return wall, _cpu_seconds() - self._cpu


def _cpu_seconds() -> float:
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    return sum(time.user + time.system for time in times)


class SharedVllm:
    """One engine for a refiner's session and for `LLM`; use as a context manager around both.

    Whoever asks vLLM for an engine first gets a new one, everybody after that the same. Two engines would not do: the
    memory that each finds free, and so its number of sequences, need not be the same.
    """

    def __init__(self) -> None:
        self._engine: LLMEngine | None = None
        self._llm: LLM | None = None

    def __enter__(self) -> Self:
        from vllm.v1.engine.llm_engine import LLMEngine

        start = LLMEngine.from_engine_args

        def shared(*arguments: Any, **named: Any) -> "LLMEngine":  # noqa: ANN401 (whatever vLLM's own takes)
            if self._engine is None:
                self._engine = start(*arguments, **named)
            return self._engine

        self._patch = patch.object(LLMEngine, "from_engine_args", shared)
        self._patch.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._patch.stop()
        self._engine = self._llm = None

    def forget_prompts(self) -> None:
        """Empty the prefix cache, without which the second to ask the same prompts would have them half answered.

        Raises:
            RuntimeError: vLLM did not, as while requests are under way.
        """
        if self._engine is None:
            raise RuntimeError("no engine has been started yet")
        # With asynchronous scheduling the core may still be in the step after the one that brought the last answer.
        until = perf_counter() + IDLE_SECONDS
        while self._engine.reset_prefix_cache() is False:
            if perf_counter() > until:
                raise RuntimeError("vLLM did not empty its prefix cache: requests are still under way")
            sleep(0.05)

    def generate(self, model: Path, asks: Sequence[Ask]) -> Timed:
        """Time one `LLM.generate` over requests on the running engine, which must be idle."""
        if self._llm is None:
            from vllm import LLM

            # Its arguments decide nothing: the engine is there.
            self._llm = LLM(model=str(model))
        prompts: Any = [{"prompt_token_ids": list(ask.prompt_token_ids)} for ask in asks]
        parameters = [ask.parameters for ask in asks]
        self.forget_prompts()
        watch = StopWatch()
        outputs = self._llm.generate(prompts, parameters, use_tqdm=False)
        seconds, cpu_seconds = watch.read()
        return Timed(
            seconds,
            cpu_seconds,
            sum(len(ask.prompt_token_ids) for ask in asks),
            sum(len(output.outputs[0].token_ids) for output in outputs),
        )

    def warm_up(self, model: Path, asks: Sequence[Ask]) -> None:
        """Let the engine compile, and make its `LLM`, before anything is timed."""
        self.generate(model, asks[:WARM_UP_PROMPTS])


def asks_of_refiner(
    config: RefinerConfig, model: Path, batches: Iterable[Sequence[str]], limits: Limits
) -> Iterator[list[Ask]]:
    """Yield, for each batch of documents, the vLLM requests that a refiner makes of it, in order; nothing is run.

    Args:
        config: A refiner with a fixed prompt format.
        model: Its model folder.
        batches: The documents.
        limits: Of the engine that will run them.
    """
    recorder = RecordingEngine(limits)
    opener = open_document_refiner if config.level == "doc" else open_chunk_refiner
    refiner = opener(config.model_copy(update={"probe": False}), recorder, model)
    for texts in batches:
        for _ in refiner.write_programs(RefinerInput(str(number), text) for number, text in enumerate(texts)):
            pass
        yield recorder.asks
        recorder.asks = []


@dataclass
class RecordingEngine:
    """Writes down what it is asked, and answers all at once with nothing.

    Attributes:
        limits: Of the engine in whose place it stands.
        asks: What it was asked, in order.
    """

    limits: Limits
    asks: list[Ask] = field(default_factory=list)

    @property
    def max_model_len(self) -> int:
        """The window of the limits."""
        return self.limits.max_model_len

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion]:
        """Yield an empty answer for each request."""
        for request in requests:
            outbox: Outbox[Completion] = Outbox(ProgressWatchdog(1))
            self.asks += CompletionJob(request, room_for_answer(request, self.limits), outbox).first_asks()
            yield Completion(request.request_id, "", (), "stop", len(request.prompt_token_ids), 0)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Yield equal scores for each request."""
        for request in requests:
            self.asks += ScoreJob(request, Outbox(ProgressWatchdog(1))).first_asks()
            rows = tuple(tuple(0.0 for _ in request.candidate_token_ids) for _ in request.positions)
            yield Score(request.request_id, rows, len(request.prompt_token_ids))

    def close(self) -> None:
        """There is nothing to release."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None


def engine_limits(model: Path, window: int) -> Limits:
    """Return the limits of an engine that runs a model folder with a window of tokens."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    return Limits(window, cast("int", config.vocab_size))
