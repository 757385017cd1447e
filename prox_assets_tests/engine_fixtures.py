"""Fixtures that need a model: a tiny checkpoint, and a real vLLM server and engine that run it.

`conftest.py` makes them known to tests of every folder.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine
from prox_assets.testing.ports import free_port
from prox_assets.testing.tiny_models import make_tiny_llama

# vLLM compiles one small function even in eager mode; with a cold cache that alone takes 20 s.
os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")

_SERVER_START_SECONDS = 240


@dataclass(frozen=True)
class VllmServer:
    base_url: str
    model: Path
    pid: int


@contextlib.contextmanager
def run_vllm_server(model: Path, log: Path, *arguments: str) -> Iterator[VllmServer]:
    """Run vLLM's OpenAI-compatible server on a model folder until the `with` block ends."""
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"]
    command += ["--load-format", "safetensors", "--max-num-seqs", "16"]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *arguments], stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        base_url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(process, base_url, log)
        yield VllmServer(base_url, model, process.pid)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        # The server leads a process group of its own, which holds its engine core and workers.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], base_url: str, log: Path) -> None:
    until = time.monotonic() + _SERVER_START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{base_url}/health", trust_env=False).is_success:
                return
        time.sleep(0.3)
    raise RuntimeError(f"The vLLM server did not start (exit code {process.poll()}):\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with a tokenizer of 512 tokens."""
    return make_tiny_llama(tmp_path_factory.mktemp("tiny_llama"), special_tokens=("<keep>", "<drop>"))


@pytest.fixture(scope="session")
def vllm_server(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """A real vLLM server on `tiny_llama`."""
    log = tmp_path_factory.mktemp("vllm_server") / "server.log"
    backend = ("--structured-outputs-config", '{"backend": "guidance"}', "--max-logprobs", "-1")
    with run_vllm_server(tiny_llama, log, *backend) as server:
        yield server


@pytest.fixture(scope="session")
def vllm_engine(tiny_llama: Path) -> Iterator[Engine]:
    """A real vLLM engine on `tiny_llama`, in this process."""
    config = VllmEngineConfig(dtype="float32", enforce_eager=True, core_process="same", max_num_seqs=16)
    with open_engine(config, str(tiny_llama)) as engine:
        yield engine
