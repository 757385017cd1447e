"""Configuration, and starting engines that cannot start."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from prox_assets.engines.config import (
    ENGINE_CONFIG,
    ServerEngineConfig,
    TransformersEngineConfig,
    VllmEngineConfig,
)
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import EngineStartError
from prox_assets.testing.ports import free_port


def test_kind_chooses_the_configuration() -> None:
    assert isinstance(ENGINE_CONFIG.validate_python({"kind": "vllm"}), VllmEngineConfig)
    assert isinstance(ENGINE_CONFIG.validate_python({"kind": "transformers"}), TransformersEngineConfig)
    server = ENGINE_CONFIG.validate_python({"kind": "server", "base_url": "http://gpu-1:8000"})
    assert isinstance(server, ServerEngineConfig)
    assert ENGINE_CONFIG.validate_python(server.model_dump()) == server


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "vlm"},
        {"kind": "vllm", "max_len": 2048},
        {"kind": "server"},
        {"kind": "server", "base_url": "gpu-1:8000"},
        {"kind": "server", "base_url": "http://gpu-1", "api_key": "secret"},
        {"kind": "transformers", "batch_size": 0},
    ],
)
def test_what_a_configuration_does_not_know_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ENGINE_CONFIG.validate_python(config)


@pytest.mark.parametrize("config", [VllmEngineConfig(), TransformersEngineConfig()])
def test_a_folder_without_a_model_is_named(config: VllmEngineConfig | TransformersEngineConfig, tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match=str(tmp_path)):
        open_engine(config, str(tmp_path))


def test_pickled_weights_are_not_loaded(tiny_llama: Path, tmp_path: Path) -> None:
    for file in tiny_llama.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(EngineStartError, match="safetensors"):
        open_engine(TransformersEngineConfig(device="cpu"), str(tmp_path))


@pytest.mark.parametrize("name", ["trust_remote_code", "load_format"])
def test_vllm_settings_that_would_run_foreign_code_are_refused(name: str, tiny_llama: Path) -> None:
    with pytest.raises(EngineStartError, match=name):
        open_engine(VllmEngineConfig(extra={name: "pt"}), str(tiny_llama))


def test_an_unreachable_server_is_named() -> None:
    base_url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(EngineStartError, match=base_url):
        open_engine(ServerEngineConfig(base_url=base_url, max_retries=0), "")


def test_importing_the_engines_loads_no_model_library() -> None:
    program = (
        "import sys, prox_assets.engines.config, prox_assets.engines.open, prox_assets.engines.protocol\n"
        "print(sorted({'torch', 'vllm', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
