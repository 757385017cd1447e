"""vLLM with its core in a child process: nothing outlives the engine, whatever happens to it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.vllm

_PROGRAM = Path(__file__).with_name("vllm_child.py")


class Child:
    """The program `vllm_child.py`; `wait_until_ready` before anything else."""

    def __init__(self, model: Path, stall_timeout_seconds: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), str(model), str(stall_timeout_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.descendants: list[psutil.Process] = []

    def wait_until_ready(self) -> None:
        assert self.listen() == {"results": 4}
        self.descendants = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.engine_processes) == 2

    @property
    def engine_processes(self) -> list[psutil.Process]:
        """The core and its worker, by the names that vLLM gives them."""
        return [one for one in self.descendants if one.name().startswith("VLLM::")]

    def tell(self, command: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self.listen()

    def listen(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise AssertionError(f"The program ended with exit code {self.process.wait()}.")

    def survivors(self, within_seconds: float) -> list[psutil.Process]:
        _, alive = psutil.wait_procs(self.descendants, timeout=within_seconds)
        return [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for one in self.survivors(within_seconds=0):
            one.kill()


@pytest.fixture(scope="module")
def children(tiny_llama: Path) -> Iterator[dict[str, Child]]:
    """One program per test. They load side by side, because loading is most of the time."""
    running = {name: Child(tiny_llama, seconds) for name, seconds in [("well", 120), ("stops", 2), ("orphan", 120)]}
    try:
        yield running
    finally:
        for child in running.values():
            child.kill()


def test_close_ends_every_process_and_the_program_ends_by_itself(children: dict[str, Child]) -> None:
    child = children["well"]
    child.wait_until_ready()
    assert child.tell("complete") == {"results": 4}
    assert child.tell("close") == {"threads": []}
    assert child.process.wait(timeout=15) == 0
    assert child.survivors(within_seconds=10) == []


def test_a_core_that_stops_is_reported_as_stalled_and_one_that_ends_as_dead(children: dict[str, Child]) -> None:
    child = children["stops"]
    child.wait_until_ready()
    for one in child.engine_processes:
        one.suspend()
    began = time.monotonic()
    answer = child.tell("complete")
    assert answer["error"] == "EngineStalledError"
    assert "4 requests under way" in answer["message"]
    assert time.monotonic() - began < 10
    for one in child.engine_processes:
        one.kill()
    answer = child.tell("complete")
    assert answer["error"] == "EngineError"
    assert "exit code -9" in answer["message"]
    assert child.tell("close") == {"threads": []}
    assert child.process.wait(timeout=15) == 0
    assert child.survivors(within_seconds=10) == []


def test_a_parent_that_is_killed_takes_its_engine_along(children: dict[str, Child]) -> None:
    child = children["orphan"]
    child.wait_until_ready()
    child.process.kill()
    child.process.wait()
    assert child.survivors(within_seconds=20) == []
