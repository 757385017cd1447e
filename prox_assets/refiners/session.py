"""A refiner session: finds the model files, computes the fingerprint, and starts the engine on first use.

One session serves many shards, so the model is loaded once. Closing the session shuts the engine down.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal, Self

from prox_assets.compute.parameters import NO_MODEL, Parameters, read_parameters
from prox_assets.engines.config import EngineConfig, ServerEngineConfig
from prox_assets.engines.devices import device_use
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine, EngineError
from prox_assets.machine.processor import DeviceUse, processor
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.folder import refiner_files
from prox_assets.refiners.keep_all import KeepAllChunks, KeepAllDocuments
from prox_assets.refiners.model.files import ModelFiles
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.open import open_chunk_refiner, open_document_refiner
from prox_assets.refiners.prompts.makers import PromptStream
from prox_assets.refiners.prompts.processes import PromptProcesses, process_count
from prox_assets.refiners.protocol import ChunkRefiner, DocumentRefiner


class RefinerSession:
    """A refiner with its files, fingerprint and engine; use it as a context manager.

    Args:
        config: The refiner; None keeps everything.
        level: The level it works at.
        engine_config: How to run its model, if it has one.
        devices: Returns how many devices this process needs, for this refiner or another; by default those of this one.
    """

    def __init__(
        self,
        config: RefinerConfig | None,
        level: Literal["doc", "chunk"],
        engine_config: EngineConfig,
        devices: Callable[[], int] | None = None,
    ) -> None:
        if config is not None:
            config, engine_config = _with_one_dtype(config, engine_config)
        self._config = config
        self._level = level
        self._engine_config = engine_config
        self._devices = devices
        self._engine: Engine | None = None
        self._prompt_processes: PromptProcesses | None = None
        self._refiner: DocumentRefiner | ChunkRefiner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @cached_property
    def files(self) -> ModelFiles | None:
        """The model's files on this machine, downloaded if need be; None for refiners without a model.

        Raises:
            RefinerError: The model cannot be found or reached.
        """
        return None if self._config is None else refiner_files(self._config)

    @cached_property
    def fingerprint(self) -> str:
        """The inference fingerprint."""
        return "keep-all" if self._config is None else self._config.fingerprint(self.files)

    def describe(self) -> dict[str, Any]:
        """Return the record stored beside the programs: the configuration and the model's exact revision."""
        if self._config is None:
            return {"name": "keep-all", "level": self._level}
        files = self.files
        return {**self._config.model_dump(mode="json"), "resolved_revision": files.revision if files else None}

    @cached_property
    def parameters(self) -> Parameters | None:
        """The size of its language model, none where there is no such model; None if it cannot be told.

        Raises:
            RefinerError: As `files`.
        """
        if self.files is None or self._config is None or not self._config.needs_engine:
            return NO_MODEL
        return read_parameters(self.files.path)

    def device(self) -> DeviceUse:
        """Return what it runs on.

        Raises:
            EngineStartError: The devices cannot be listed.
        """
        if self._config is None or not self._config.needs_engine:
            return processor(1)
        return device_use(self._engine_config)

    def document_refiner(self) -> DocumentRefiner:
        """Return the document refiner; the first call starts its engine.

        Raises:
            EngineError: The engine did not start.
            RefinerError: The model does not fit the configuration, or the probe refused its prompt format.
        """
        return KeepAllDocuments() if self._config is None else self._opened(self._config, open_document_refiner)

    def chunk_refiner(self) -> ChunkRefiner:
        """Return the chunk refiner; the first call starts its engine. Raises as `document_refiner` does."""
        return KeepAllChunks() if self._config is None else self._opened(self._config, open_chunk_refiner)

    def _opened(self, config: RefinerConfig, opener: Callable[..., Any]) -> Any:  # noqa: ANN401 - a session has one level
        if self._refiner is None:
            config.system_text()  # a missing message is said before the engine takes its time to start
            path = None if self.files is None else self.files.path
            self._refiner = opener(config, self._open_engine(), path, self._prompts)
        return self._refiner

    def token_counter(self) -> Callable[[Sequence[str]], list[int]] | None:
        """Return a function from texts to their token counts with its tokenizer; None without a language model."""
        if self.files is None or self._config is None or not self._config.needs_engine:
            return None
        tokenizer = load_tokenizer(self.files.path)
        return lambda texts: [len(encoded) for encoded in tokenizer.encode(texts)]

    @contextmanager
    def restarting_after_engine_errors(self) -> Iterator[None]:
        """Close the engine when it fails inside the block, so that the next shard starts a new one."""
        try:
            yield
        except EngineError:
            self.close()
            raise

    def close(self) -> None:
        """Shut down the engine and the prompt processes; safe to call twice."""
        self._refiner = None
        try:
            if self._prompt_processes is not None:
                self._prompt_processes.close()
                self._prompt_processes = None
        finally:
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def _open_engine(self) -> Engine | None:
        if self.files is None or self._config is None or not self._config.needs_engine:
            return None
        if self._engine is None:
            devices = None if self._devices is None else self._devices()
            self._engine = open_engine(self._engine_config, str(self.files.path), devices)
        return self._engine

    def _prompts(self, config: RefinerConfig) -> PromptStream[Any] | None:
        processes = process_count(self._engine_config)
        if processes == 0 or self.files is None:
            return None
        self._prompt_processes = PromptProcesses(
            config, self.files.path, processes, self._engine_config.stall_timeout_seconds
        )
        return self._prompt_processes.prompts


def _with_one_dtype(config: RefinerConfig, engine_config: EngineConfig) -> tuple[RefinerConfig, EngineConfig]:
    """Make refiner and engine agree on a dtype: the refiner's, or the engine's where the refiner's is auto.

    A server chooses its own dtype, which is not known here, so both configurations stay as they are.
    """
    if isinstance(engine_config, ServerEngineConfig):
        return config, engine_config
    if config.dtype == "auto":
        return config.model_copy(update={"dtype": engine_config.dtype}), engine_config
    return config, engine_config.model_copy(update={"dtype": config.dtype})
