"""The engine that runs vLLM on a local model folder: turns protocol requests into the worker's jobs."""

from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.protocol import Completion, CompletionRequest, Score, ScoreRequest
from prox_assets.engines.request_checks import Limits, room_for_answer
from prox_assets.engines.stream import Outbox, StreamingEngine
from prox_assets.engines.vllm.jobs import CompletionJob, ScoreJob
from prox_assets.engines.vllm.worker import VllmWorker


class VllmEngine(StreamingEngine):
    """vLLM with token-id prompts, final outputs only and a bounded look-ahead.

    Args:
        config: Settings of vLLM.
        model_path: Local folder with safetensors weights, configuration and tokenizer.

    Raises:
        EngineStartError: vLLM is missing, or could not load the model.
    """

    def __init__(self, config: VllmEngineConfig, model_path: str) -> None:
        super().__init__(name="vLLM", look_ahead=config.look_ahead, stall_timeout_seconds=config.stall_timeout_seconds)
        self._worker = VllmWorker(config, model_path, self._watchdog)
        self._limits = Limits(*self._worker.start())

    def _submit_completion(self, request: CompletionRequest, outbox: Outbox[Completion]) -> None:
        self._worker.submit(CompletionJob(request, room_for_answer(request, self._limits), outbox))

    def _submit_score(self, request: ScoreRequest, outbox: Outbox[Score]) -> None:
        self._worker.submit(ScoreJob(request, outbox))

    def _cancel(self, outbox: Outbox) -> None:
        self._worker.cancel(outbox)

    def _check_alive(self) -> None:
        self._worker.check_alive()

    def _shut_down(self) -> None:
        self._worker.stop()
