"""The three engines on one tiny checkpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prox_assets.engines.config import ServerEngineConfig, TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine
from prox_assets_tests.engine_fixtures import VllmServer

ENGINE_KINDS = ("transformers", "vllm", "server")


@pytest.fixture(scope="session")
def transformers_engine(tiny_llama: Path) -> Iterator[Engine]:
    config = TransformersEngineConfig(dtype="float32", device="cpu", batch_size=4)
    with open_engine(config, str(tiny_llama)) as engine:
        yield engine


@pytest.fixture(scope="session")
def server_engine(vllm_server: VllmServer) -> Iterator[Engine]:
    with open_engine(ServerEngineConfig(base_url=vllm_server.base_url), "") as engine:
        yield engine


@pytest.fixture(
    params=[pytest.param(kind, marks=[pytest.mark.vllm] * (kind != "transformers")) for kind in ENGINE_KINDS]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return request.getfixturevalue(f"{request.param}_engine")
