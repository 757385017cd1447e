"""`prox refine` as a user runs it: a process of its own that can be disturbed, and that has a deadline."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
# The code of this checkout, whatever is installed.
PROX = (sys.executable, "-c", "from prox_assets.cli import main; main()")
_MARK = "PROX_CHAOS_RUN"
# Engine processes get 5 s to end by themselves when their run is killed; a busy machine needs longer to get to it.
GONE_SECONDS = 60.0
_SAID_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: Its exit code; minus the signal where one killed it; None where the deadline passed.
        said: The end of what it printed, both streams, on one line.
    """

    code: int | None
    said: str

    def problems_of_a_failure(self, *causes: str, may_trace: bool = False) -> list[str]:
        """Say what is wrong with a run that may fail, but then has to name one of the causes.

        Args:
            causes: Words, one of which must be among what it says.
            may_trace: Whether a traceback is good enough.
        """
        if self.code is None:
            return ["the run hung instead of failing"]
        if self.code == 0:
            return []
        if not any(cause.lower() in self.said.lower() for cause in causes):
            return [f"exit code {self.code} without the cause ({' or '.join(causes)}): ...{self.said[-700:]}"]
        if "Traceback" in self.said and not may_trace:
            return [f"a traceback instead of an error: ...{self.said[-700:]}"]
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
        """Whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def kill(self) -> None:
        """Send SIGKILL to the process, not to its children."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, deadline_seconds: float) -> Ended:
        """Wait for its end; past the deadline, end everything it started."""
        try:
            code: int | None = self.process.wait(max(0.0, deadline_seconds - self.seconds))
        except subprocess.TimeoutExpired:
            code = None
            for process in self.processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait()
        return Ended(code, " ".join(self._log.read_text(errors="replace").split())[-_SAID_CHARACTERS:])

    def processes(self) -> list[psutil.Process]:
        """Return the processes of this run that are alive, whoever their parent is by now."""
        return list(self._marked())

    def engine_processes(self) -> list[psutil.Process]:
        """Return vLLM's core and its workers, by the names that vLLM gives them."""
        return self._those(lambda process: process.name().startswith("VLLM::"))

    def prompt_processes(self) -> list[psutil.Process]:
        """Return the processes that make prompts, by the module that they run."""
        return self._those(lambda process: any("prompts.processes" in part for part in process.cmdline()))

    def _those(self, wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in self._marked():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process != psutil.Process(self.process.pid) and wanted(process):
                    found.append(process)
        return found

    def survivors(self) -> list[str]:
        """Say which processes outlive the run; they are ended."""
        until = time.monotonic() + GONE_SECONDS
        while (alive := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        names: list[str] = []
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(f"process {process.pid} ({process.name()}) outlives its run")
                process.kill()
        return names

    def _marked(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and self._started(process):
                    yield process

    def _started(self, process: psutil.Process) -> bool:
        # vLLM's core and workers write their titles over their environment (found: none of them was ever seen), but
        # stay in the session of the run; others may begin a session of their own, and keep the environment.
        return os.getsid(process.pid) == self.process.pid or process.environ().get(_MARK) == self._mark
