"""`prox refine` as a subprocess that can be disturbed, and that has a deadline."""

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.support.commands import PROX

ROOT = Path(__file__).parents[2]
_MARK = "PROX_CHAOS_RUN"
# When their run is killed, engine processes get 5 s to exit by themselves; a busy machine takes longer.
GONE_SECONDS = 60.0
_OUTPUT_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: Its exit code; minus the signal if one killed it; None if it exceeded its deadline.
        output: The end of its output, both streams, on one line.
    """

    code: int | None
    output: str

    def failure_problems(self, *causes: str, traceback_allowed: bool = False) -> list[str]:
        """Check a run that may fail, provided that it names the cause; return what is wrong.

        Args:
            causes: Phrases, one of which the output must contain.
            traceback_allowed: Whether the output may contain a traceback.
        """
        if self.code is None:
            return ["the run hung instead of failing"]
        if self.code == 0:
            return []
        if not any(cause.lower() in self.output.lower() for cause in causes):
            return [f"exit code {self.code} without the cause ({' or '.join(causes)}): ...{self.output[-700:]}"]
        if "Traceback" in self.output and not traceback_allowed:
            return [f"a traceback instead of an error: ...{self.output[-700:]}"]
        return []


class Refinement:
    """A running `prox refine`."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> None:
        self._log = log
        self._mark = uuid.uuid4().hex
        self.started = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*wrapper, *PROX, "refine", *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, "COLUMNS": "2000", **(environment or {}), _MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def kill(self) -> None:
        """Send SIGKILL to the process, but not to its children."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, deadline_seconds: float) -> Ended:
        """Wait until it ends; past the deadline, kill it and everything it started."""
        try:
            code: int | None = self.process.wait(max(0.0, deadline_seconds - self.seconds))
        except subprocess.TimeoutExpired:
            code = None
            for process in self.processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait()
        return Ended(code, " ".join(self._log.read_text(errors="replace").split())[-_OUTPUT_CHARACTERS:])

    def processes(self) -> list[psutil.Process]:
        """Return the living processes of this run, including orphans."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and self._started(process):
                    found.append(process)
        return found

    def engine_processes(self) -> list[psutil.Process]:
        """Return vLLM's core and workers, found by their process titles."""
        return self._children(lambda process: process.name().startswith("VLLM::"))

    def prompt_processes(self) -> list[psutil.Process]:
        """Return the prompt workers, found by the module they run."""
        return self._children(lambda process: any("prompts.processes" in part for part in process.cmdline()))

    def _children(self, matches: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.pid != self.process.pid and matches(process):
                    found.append(process)
        return found

    def survivors(self) -> list[str]:
        """Kill processes that outlive the run; return a problem for each."""
        until = time.monotonic() + GONE_SECONDS
        while (alive := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        names: list[str] = []
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(f"process {process.pid} ({process.name()}) outlives its run")
                process.kill()
        return names

    def _started(self, process: psutil.Process) -> bool:
        # vLLM's core and workers overwrite their environment with their titles, but stay in the run's session. Other
        # processes may start a session of their own, but keep the environment.
        return os.getsid(process.pid) == self.process.pid or process.environ().get(_MARK) == self._mark
