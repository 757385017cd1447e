"""The one way to start an engine.

Each engine's module, with the libraries that it needs, is imported only if that kind is requested.
"""

from typing import assert_never

from prox_assets.engines.config import EngineConfig, ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.protocol import Engine


def open_engine(config: EngineConfig, model_path: str) -> Engine:
    """Start an engine; use it in a `with` statement, so that it is always shut down.

    Args:
        config: The kind of engine and its settings.
        model_path: Local model folder (safetensors, configuration, tokenizer). Unused for a server, which has its own.

    Raises:
        EngineStartError: The engine did not start; the message names cause and remedy.
    """
    if isinstance(config, VllmEngineConfig):
        from prox_assets.engines.vllm.engine import VllmEngine

        return VllmEngine(config, model_path)
    if isinstance(config, ServerEngineConfig):
        from prox_assets.engines.server.engine import ServerEngine

        return ServerEngine(config)
    if isinstance(config, TransformersEngineConfig):
        from prox_assets.engines.transformers.engine import TransformersEngine

        return TransformersEngine(config, model_path)
    assert_never(config)
