"""The engine that runs a model with Hugging Face transformers: a queue and one worker thread.

batches.py chooses the batches, and the work on tensors is in model.py.
"""

import queue
import threading
from dataclasses import dataclass
from typing import Literal, cast

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.detokenizer import completion_text
from prox_assets.engines.grammar_mask import GrammarError
from prox_assets.engines.protocol import Completion, CompletionRequest, EngineError, Score, ScoreRequest
from prox_assets.engines.request_checks import Limits, room_for_answer
from prox_assets.engines.stream import Outbox, StreamingEngine, completion_error
from prox_assets.engines.transformers.batches import (
    BATCH_TOKENS,
    PACKED_BATCH_TOKENS_ON_CPU,
    packed_batch,
    padded_batch,
)
from prox_assets.engines.transformers.model import GenerationRow, TorchModel


@dataclass(frozen=True, slots=True, eq=False)
class _CompletionJob:
    request: CompletionRequest
    max_tokens: int
    outbox: Outbox[Completion]

    @property
    def length(self) -> int:
        """Maximum length of the sequence in tokens."""
        return len(self.request.prompt_token_ids) + self.max_tokens


@dataclass(frozen=True, slots=True, eq=False)
class _ScoreJob:
    request: ScoreRequest
    outbox: Outbox[Score]

    @property
    def length(self) -> int:
        """Length of the sequence in tokens."""
        return len(self.request.prompt_token_ids)


_Job = _CompletionJob | _ScoreJob


class TransformersEngine(StreamingEngine):
    """transformers on torch, CPU or CUDA.

    Args:
        config: Device, dtype and batch sizes.
        model_path: Local folder with safetensors weights, configuration and tokenizer.

    Raises:
        EngineStartError: The model cannot be loaded, or the device is not available.
    """

    def __init__(self, config: TransformersEngineConfig, model_path: str) -> None:
        super().__init__(
            name="transformers", look_ahead=config.look_ahead, stall_timeout_seconds=config.stall_timeout_seconds
        )
        self._config = config
        self._model = TorchModel(config, model_path)
        self._limits = Limits(self._model.max_model_len, self._model.vocab_size)
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failure: EngineError | None = None
        # A daemon thread, because a forward pass that hangs in native code can never be joined.
        self._thread = threading.Thread(target=self._run, name="prox-transformers", daemon=True)
        self._thread.start()

    def _submit_completion(self, request: CompletionRequest, outbox: Outbox[Completion]) -> None:
        self._inbox.put(_CompletionJob(request, room_for_answer(request, self._limits), outbox))

    def _submit_score(self, request: ScoreRequest, outbox: Outbox[Score]) -> None:
        self._inbox.put(_ScoreJob(request, outbox))

    def _cancel(self, outbox: Outbox) -> None:
        pass  # the worker checks `outbox.closed` before each batch and after each token

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._thread.is_alive():
            raise EngineError("The thread that runs the model has ended.")

    def _shut_down(self) -> None:
        self._stopping.set()
        self._inbox.put(None)
        # A healthy worker stops after its current token or batch; we do not wait for a stalled one.
        self._thread.join(timeout=min(self._watchdog.seconds_left(), 60.0))

    def _run(self) -> None:
        pending: list[_Job] = []
        try:
            while not self._stopping.is_set():
                # Block only if there is nothing to compute.
                while not pending or not self._inbox.empty():
                    job = self._inbox.get()
                    if job is None:
                        return
                    pending.append(job)
                pending = [job for job in pending if not job.outbox.closed]
                batch = self._next_batch(pending) if pending else []
                taken = set(map(id, batch))
                pending = [job for job in pending if id(job) not in taken]
                if batch and isinstance(batch[0], _CompletionJob):
                    self._complete_batch(cast("list[_CompletionJob]", batch))
                elif batch:
                    self._score_batch(cast("list[_ScoreJob]", batch))
        except Exception as error:
            failure = EngineError(
                f"The transformers engine failed: {type(error).__name__}: {error}"
                " (if memory ran out, lower batch_tokens)"
            )
            failure.__cause__ = error
            self._failure = failure

    def _next_batch(self, pending: list[_Job]) -> list[_Job]:
        """Return the jobs to run next, all of the oldest one's kind."""
        alike = [job for job in pending if type(job) is type(pending[0])]
        packed = isinstance(pending[0], _ScoreJob) and self._model.packs
        if packed:
            default = PACKED_BATCH_TOKENS_ON_CPU if self._model.device == "cpu" else BATCH_TOKENS
            return packed_batch(alike, self._config.batch_size, self._config.batch_tokens or default)
        return padded_batch(alike, self._config.batch_size, self._config.batch_tokens or BATCH_TOKENS)

    def _complete_batch(self, batch: list[_CompletionJob]) -> None:
        jobs: dict[GenerationRow, _CompletionJob] = {}
        for job in batch:
            try:
                matcher = self._model.matcher(job.request.grammar) if job.request.grammar is not None else None
            except GrammarError as error:
                job.outbox.put(completion_error(job.request, str(error)))
                continue
            row = GenerationRow(
                prompt_token_ids=job.request.prompt_token_ids,
                max_tokens=job.max_tokens,
                stop_token_ids=self._model.eos_token_ids.union(job.request.stop_token_ids),
                matcher=matcher,
                cancelled=lambda outbox=job.outbox: outbox.closed,
            )
            jobs[row] = job

        def on_step(finished: list[GenerationRow]) -> bool:
            self._watchdog.progressed()
            for row in finished:
                jobs[row].outbox.put(self._completion(jobs[row].request, row))
            return not self._stopping.is_set()

        if jobs:
            self._model.generate(list(jobs), on_step)

    def _completion(self, request: CompletionRequest, row: GenerationRow) -> Completion:
        return Completion(
            request_id=request.request_id,
            text=completion_text(self._model.tokenizer.backend_tokenizer, request.prompt_token_ids, row.token_ids),
            token_ids=tuple(row.token_ids),
            finish_reason=cast("Literal['stop', 'length']", row.finish_reason),
            prompt_tokens=len(request.prompt_token_ids),
            completion_tokens=len(row.token_ids),
        )

    def _score_batch(self, batch: list[_ScoreJob]) -> None:
        requests = [job.request for job in batch]
        tables = self._model.score(
            [request.prompt_token_ids for request in requests],
            [request.positions for request in requests],
            [request.candidate_token_ids for request in requests],
            relative=all(request.relative for request in requests),
        )
        for job, table in zip(batch, tables, strict=True):
            job.outbox.put(Score(job.request.request_id, table, len(job.request.prompt_token_ids)))
