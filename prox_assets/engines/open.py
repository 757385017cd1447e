"""The one way to start an engine.

Each engine's module, with the libraries that it needs, is imported only if that kind is requested.
"""

from typing import assert_never

from prox_assets.engines.config import EngineConfig, ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.devices import devices_of, lease_for_engine
from prox_assets.engines.protocol import Engine


def open_engine(config: EngineConfig, model_path: str, devices: int | None = None) -> Engine:
    """Lease the devices of an engine and start it; use it in a `with` statement, so that it is always shut down.

    Args:
        config: The kind of engine and its settings.
        model_path: Local model folder (safetensors, configuration, tokenizer). Unused for a server, which has its own.
        devices: How many devices this process needs at most, now or for a later engine; by default those of this one.

    Raises:
        EngineStartError: The engine did not start; the message names cause and remedy.
    """
    # Before torch or vLLM look for devices in this process: what they have seen once, they keep.
    lease_for_engine(devices_of(config) if devices is None else devices)
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
