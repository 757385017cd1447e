"""Shards refined in parallel by several processes: what `prox refine --workers N` and `--gpus N` run.

A worker takes tasks, one at a time, and reports progress and results over its connection. Without a model, a task is a
shard with every step of it. With one, it is a shard with the steps of one level: all shards pass the document level
before the chunk level, so each worker starts each engine once, on devices that it leases before its first task.

A worker ends when the connection closes, however this process ends. If one dies, its shard fails, and another worker
takes its place; the next run resumes the shard.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from prox_assets.corpora.shards import Shard
from prox_assets.engines.devices import lease_for_engine
from prox_assets.lake.lake import Lake
from prox_assets.machine.capacity import usable_cores
from prox_assets.machine.leases import name_process
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import Progress, StageError
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS, STEPS, PipelineResult, Report, ShardSteps, Step

# How long workers may take to return their leases when the run is interrupted.
_END_SECONDS = 5.0

_WITHOUT_MODEL: tuple[tuple[Step, ...], ...] = (STEPS,)
_BY_LEVEL: tuple[tuple[Step, ...], ...] = (("read", "documents"), ("chunks",), ("execute", "measure"))


class WorkerDiedError(StageError):
    """A worker process ended before its shard was finished."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Some steps of a shard, and what the step before them made."""

    shard: Shard
    steps: tuple[Step, ...]
    limit: int | None
    made: str | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """What a task came to."""

    result: PipelineResult
    made: str | None


class _Ready:
    """A worker has its devices."""


@dataclass(slots=True)
class _Worker:
    """One process, the connection to it, and the task that it is working on: None before it is ready."""

    process: subprocess.Popen[bytes]
    connection: Connection
    task: _Task | None = None
    progress: dict[str, Progress] = field(default_factory=dict)

    @classmethod
    def start(cls, lake: Lake, plan: RefinementPlan, run_id: str, threads: int, devices: int) -> "_Worker":
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (this module)
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # polars, Arrow and torch start a thread per core in every process; they read these variables on import.
                env={"POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), **os.environ},
            )
        worker = cls(process, Connection(ours.detach()))
        with suppress(OSError):  # the worker has died; the next read will notice
            worker.connection.send((lake, plan, run_id, devices))
        return worker

    def give(self, task: _Task) -> None:
        self.task, self.progress = task, {}
        with suppress(OSError):
            self.connection.send(task)

    def take(self, report: Report) -> _Done | _Ready | None:
        """Return what the worker has come to, or None after a progress report.

        Raises:
            WorkerDiedError: It ended before its first task.
            RefinerError: A refiner cannot be used at all.
            EngineStartError: An engine does not start.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            if self.task is None:
                raise self._died("of this run") from None
            return _Done(PipelineResult(errors={self.task.shard.key: self._died("that refined it")}), None)
        if isinstance(message, Exception):
            raise message
        if isinstance(message, (_Done, _Ready)):
            return message
        stage, done, total = message
        if stage not in self.progress and self.task is not None:
            self.progress[stage] = report(stage, self.task.shard.key)
        self.progress[stage](done, total)
        return None

    def _died(self, which: str) -> WorkerDiedError:
        code = self.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return WorkerDiedError(
            f"the worker process {which} {how} (often: out of memory). What it had finished is kept; run this again, "
            "with fewer workers if memory is short."
        )


class _Tasks:
    """What is left to do: early steps of any shard go before later ones, so that no engine starts twice."""

    def __init__(self, phases: Sequence[tuple[Step, ...]], shards: Sequence[tuple[Shard, int | None]]) -> None:
        self._phases = phases
        self._waiting: list[deque[_Task]] = [deque() for _ in phases]
        self._waiting[0].extend(_Task(shard, phases[0], limit) for shard, limit in shards)

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def next(self) -> _Task:
        return next(waiting for waiting in self._waiting if waiting).popleft()

    def done(self, task: _Task, made: str | None) -> None:
        """Queue the steps that follow a task which succeeded."""
        following = self._phases.index(task.steps) + 1
        if following < len(self._phases):
            self._waiting[following].append(_Task(task.shard, self._phases[following], task.limit, made))


def refine_shards_in_processes(
    lake: Lake,
    plan: RefinementPlan,
    shards: Sequence[Shard],
    run_id: str,
    *,
    workers: int,
    devices: int = 0,
    limit: int | None = None,
    report: Report,
) -> PipelineResult:
    """Take shards from raw files to metrics as `refine_shards` does, in up to `workers` processes.

    Args:
        lake: Where results go.
        plan: The corpus's configuration.
        shards: Recorded shards, in processing order.
        run_id: Written into every row.
        workers: Number of processes.
        devices: How many devices each of them leases; with a model at least one.
        limit: Total number of documents, taken from the front; None for all.
        report: Shows progress.

    Raises:
        StageError: A refiner needs an engine and there are no devices; or every worker died before its first task.
        RefinerError: A refiner cannot be used at all.
        EngineStartError: An engine does not start.
    """
    if plan.needs_engine and devices == 0:
        raise StageError("several workers are for refiners without a model; an engine uses every core by itself")
    result = PipelineResult()
    if limit is None:
        found = [(shard, None) for shard in shards]
    else:  # each shard's share of the limit depends on how many documents the shards before it had
        with ShardSteps(lake, plan, run_id, report) as steps:
            found = list(steps.read_all(shards, limit))
            result.errors |= steps.result.errors
    tasks = _Tasks(_BY_LEVEL if plan.needs_engine else _WITHOUT_MODEL, found)
    threads = max(1, usable_cores() // workers)
    outcomes: dict[str, PipelineResult] = {}
    for task, outcome in _work_off(tasks, workers, lambda: _Worker.start(lake, plan, run_id, threads, devices), report):
        outcomes[task.shard.key] = outcome
    for outcome in (outcomes[shard.key] for shard in shards if shard.key in outcomes):
        result.metrics |= outcome.metrics
        result.unchanged |= outcome.unchanged
        result.errors |= outcome.errors
    return result


def _work_off(
    tasks: _Tasks, workers: int, start: Callable[[], _Worker], report: Report
) -> Iterator[tuple[_Task, PipelineResult]]:
    """Yield each task with what it came to."""
    starting: dict[Connection, _Worker] = {}
    idle: list[_Worker] = []
    busy: dict[Connection, _Worker] = {}
    try:
        while tasks or busy:
            while len(tasks) > len(starting) + len(idle) and len(starting) + len(idle) + len(busy) < workers:
                worker = start()
                starting[worker.connection] = worker
            while tasks and idle:
                worker = idle.pop()
                busy[worker.connection] = worker
                worker.give(tasks.next())
            for connection in wait([*starting, *busy]):
                worker = starting.get(connection) or busy[connection]  # pyright: ignore[reportArgumentType] - as above
                try:
                    said = worker.take(report)
                except WorkerDiedError:
                    del starting[worker.connection]
                    workers -= 1
                    if workers == 0:
                        raise
                    continue
                if isinstance(said, _Ready):
                    idle.append(starting.pop(worker.connection))
                elif said is not None and worker.task is not None:
                    del busy[worker.connection]
                    if not said.result.errors:
                        tasks.done(worker.task, said.made)
                    if worker.process.poll() is None:
                        idle.append(worker)
                    yield worker.task, said.result
    finally:
        _end(idle, [*starting.values(), *busy.values()])


def _end(idle: Sequence[_Worker], busy: Sequence[_Worker]) -> None:
    """End the processes; busy ones return their leases first."""
    for worker in busy:
        worker.process.terminate()
    for worker in (*idle, *busy):
        worker.connection.close()
    until = time.monotonic() + _END_SECONDS
    for worker in (*idle, *busy):
        try:
            worker.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def _serve(connection: Connection) -> None:
    """Lease devices, then do tasks until the connection closes."""
    lake, plan, run_id, devices = connection.recv()

    def pause(seconds: float) -> None:
        if connection.poll(seconds):  # nothing is sent before this worker is ready: the parent is gone
            sys.exit(1)

    def report(stage: str, key: str) -> Progress:
        del key

        def tell(done: int, total: int) -> None:
            try:
                connection.send((stage, done, total))
            except OSError:  # the parent is gone; that is not an error of the shard
                sys.exit(1)

        return tell

    try:
        name_process(f"{run_id}, {plan.corpus}")
        lease_for_engine(devices, pause)
        connection.send(_Ready())
        with ShardSteps(lake, plan, run_id, report) as steps:
            while True:
                connection.send(_do(steps, connection.recv()))
    except EXPECTED_ERRORS as error:
        connection.send(error)


def _do(steps: ShardSteps, task: _Task) -> _Done:
    steps.result = PipelineResult()
    key = task.shard.key
    if task.made is not None:
        steps.made[key] = task.made
    all(steps.do(step, task.shard, task.limit) for step in task.steps)  # the first failure ends it
    return _Done(steps.result, steps.made.get(key))


def _main(descriptor: int) -> None:
    # Ctrl-C reaches every process of the run; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with suppress(EOFError, OSError):  # the parent is gone
        _serve(Connection(descriptor))


if __name__ == "__main__":
    # Pickled messages name the classes of the module, which is another one than the program.
    from prox_assets.stages.running import worker_processes

    worker_processes._main(int(sys.argv[1]))
