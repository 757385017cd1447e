"""vLLM on its own, the baseline: one timed `LLM.generate` over the requests of a program stage.

`LLM` uses the same engine instance as the refiner's session, and gets all of the stage's requests up front.
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
IDLE_SECONDS = 10.0  # an engine's time limit for becoming idle


@dataclass(frozen=True, slots=True)
class Timed:
    """Timing of one run.

    Attributes:
        seconds: Wall time.
        cpu_seconds: CPU time of this process and its children, including the engine core.
        prompt_tokens: Tokens shown to the model.
        generated_tokens: Tokens it generated.
    """

    seconds: float
    cpu_seconds: float
    prompt_tokens: int
    generated_tokens: int

    @property
    def tokens_per_second(self) -> float:
        """Prompt and generated tokens per second."""
        return (self.prompt_tokens + self.generated_tokens) / self.seconds


class StopWatch:
    """Measures wall time, and the CPU time of this process and its living children."""

    def __init__(self) -> None:
        self._cpu, self._wall = _cpu_seconds(), perf_counter()

    def read(self) -> tuple[float, float]:
        """Return the wall seconds and CPU seconds since creation."""
        wall = perf_counter() - self._wall
        return wall, _cpu_seconds() - self._cpu


def _cpu_seconds() -> float:
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    return sum(time.user + time.system for time in times)


class SharedVllm:
    """A context manager that makes a refiner's session and `LLM` share one engine.

    The first request to vLLM for an engine creates it; later ones get the same. Two engines would not be comparable:
    each could find a different amount of free memory, and so run a different number of sequences.
    """

    def __init__(self) -> None:
        self._engine: LLMEngine | None = None
        self._llm: LLM | None = None

    def __enter__(self) -> Self:
        from vllm.v1.engine.llm_engine import LLMEngine

        start = LLMEngine.from_engine_args

        def shared(*arguments: Any, **named: Any) -> "LLMEngine":  # noqa: ANN401 (passed on to vLLM)
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
        """Empty the prefix cache, which would otherwise favour the second run over the same prompts.

        Raises:
            RuntimeError: vLLM refuses, as it does while requests are in flight.
        """
        if self._engine is None:
            raise RuntimeError("no engine has been started yet")
        # With async scheduling, the core may still be running the step after the last answer.
        until = perf_counter() + IDLE_SECONDS
        while self._engine.reset_prefix_cache() is False:
            if perf_counter() > until:
                raise RuntimeError("vLLM did not empty its prefix cache: requests are still in flight")
            sleep(0.05)

    def generate(self, model: Path, requests: Sequence[Ask]) -> Timed:
        """Time one `LLM.generate` over the requests. The engine must be running and idle."""
        if self._llm is None:
            from vllm import LLM

            # Other arguments would have no effect: the engine exists already.
            self._llm = LLM(model=str(model))
        prompts: Any = [{"prompt_token_ids": list(request.prompt_token_ids)} for request in requests]
        parameters = [request.parameters for request in requests]
        self.forget_prompts()
        watch = StopWatch()
        outputs = self._llm.generate(prompts, parameters, use_tqdm=False)
        seconds, cpu_seconds = watch.read()
        return Timed(
            seconds,
            cpu_seconds,
            sum(len(request.prompt_token_ids) for request in requests),
            sum(len(output.outputs[0].token_ids) for output in outputs),
        )

    def warm_up(self, model: Path, requests: Sequence[Ask]) -> None:
        """Create the `LLM` and let the engine compile before anything is timed."""
        self.generate(model, requests[:WARM_UP_PROMPTS])


def vllm_requests(
    config: RefinerConfig, model: Path, batches: Iterable[Sequence[str]], limits: Limits
) -> Iterator[list[Ask]]:
    """Yield the vLLM requests a refiner makes for each batch of documents, in order, without running them.

    Args:
        config: A refiner with a fixed prompt format.
        model: Its model folder.
        batches: The documents.
        limits: Limits of the engine that will run the requests.
    """
    recorder = RecordingEngine(limits)
    opener = open_document_refiner if config.level == "doc" else open_chunk_refiner
    refiner = opener(config.model_copy(update={"probe": False}), recorder, model)
    for texts in batches:
        for _ in refiner.write_programs(RefinerInput(str(number), text) for number, text in enumerate(texts)):
            pass
        yield recorder.requests
        recorder.requests = []


@dataclass
class RecordingEngine:
    """An engine that records its requests, and answers each at once with an empty answer.

    Attributes:
        limits: Limits of the engine it stands in for.
        requests: The requests so far, in order.
    """

    limits: Limits
    requests: list[Ask] = field(default_factory=list)

    @property
    def max_model_len(self) -> int:
        """The context window, in tokens."""
        return self.limits.max_model_len

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion]:
        """Yield an empty answer for each request."""
        for request in requests:
            outbox: Outbox[Completion] = Outbox(ProgressWatchdog(1))
            self.requests += CompletionJob(request, room_for_answer(request, self.limits), outbox).first_asks()
            yield Completion(request.request_id, "", (), "stop", len(request.prompt_token_ids), 0)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Yield equal scores for each request."""
        for request in requests:
            self.requests += ScoreJob(request, Outbox(ProgressWatchdog(1))).first_asks()
            rows = tuple(tuple(0.0 for _ in request.candidate_token_ids) for _ in request.positions)
            yield Score(request.request_id, rows, len(request.prompt_token_ids))

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None


def engine_limits(model: Path, window: int) -> Limits:
    """Return the limits of an engine that runs a model with a context window of `window` tokens."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    return Limits(window, cast("int", config.vocab_size))
