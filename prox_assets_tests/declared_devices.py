"""Real processes that lease logical devices."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HOLDER = Path(__file__).parent / "machine" / "holder.py"


@dataclass
class Holding:
    """A running holder."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def line_with(self, word: str) -> str:
        """Return the next line that contains a word; fail if the process ends without one."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if word in line:
                return line.strip()
        raise AssertionError(f"the process ended without saying {word!r}")

    def sees(self) -> set[str]:
        return set(self.line_with("sees").removeprefix("sees ").split(","))

    def ends(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0


@contextmanager
def holding(count: int, visible: str | None = None) -> Iterator[Holding]:
    """Run a process that leases devices, among those that a launcher has made visible to it, until the block ends."""
    environment = os.environ if visible is None else {**os.environ, "CUDA_VISIBLE_DEVICES": visible}
    command = [sys.executable, str(HOLDER), str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as run:
        try:
            yield Holding(run)
        finally:
            run.kill()


@pytest.fixture
def two_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Declare two logical devices with locks of their own; return the folder of the locks."""
    locks = tmp_path / "device-locks"
    monkeypatch.setenv("PROX_DEVICES", "2")
    monkeypatch.setenv("PROX_DEVICE_LOCKS", str(locks))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return locks
