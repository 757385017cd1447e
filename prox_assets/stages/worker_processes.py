"""Shards refined in parallel by several processes: what `prox refine --workers N` runs.

This is for refiners without a model, which run in Python on one core. A worker takes one shard at a time through every
stage, and reports progress and results over its connection. It ends when the connection closes, however this process
ends. If a worker dies, its shard fails, and another worker takes its place; the next run resumes the shard.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from prox_assets.corpora.shards import Shard
from prox_assets.lake.lake import Lake
from prox_assets.stages.pipeline import EXPECTED_ERRORS, PipelineResult, Report, read_shards, refine_shards
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import Progress, StageError

# How long workers may take to return their leases when the run is interrupted.
_END_SECONDS = 5.0


class WorkerDiedError(StageError):
    """A worker process ended before its shard was finished."""


@dataclass(slots=True)
class _Worker:
    """One process, the connection to it, and the shard that it is working on."""

    process: subprocess.Popen[bytes]
    connection: Connection
    shard: str = ""
    progress: dict[str, Progress] = field(default_factory=dict)

    @classmethod
    def start(cls, lake: Lake, plan: RefinementPlan, run_id: str, threads: int) -> "_Worker":
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (this module)
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # polars and Arrow start a thread per core in every process; they read these variables on import.
                env={"POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), **os.environ},
            )
        worker = cls(process, Connection(ours.detach()))
        with suppress(OSError):  # the worker has died; the next read will notice
            worker.connection.send((lake, plan, run_id))
        return worker

    def give(self, shard: Shard, limit: int | None) -> None:
        self.shard, self.progress = shard.key, {}
        with suppress(OSError):
            self.connection.send((shard, limit))

    def take(self, report: Report) -> PipelineResult | None:
        """Return the result of the worker's shard, or None after a progress report.

        Raises:
            RefinerError: A refiner cannot be used at all.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return PipelineResult(errors={self.shard: self._died()})
        if isinstance(message, Exception):
            raise message
        if isinstance(message, PipelineResult):
            return message
        stage, done, total = message
        if stage not in self.progress:
            self.progress[stage] = report(stage, self.shard)
        self.progress[stage](done, total)
        return None

    def _died(self) -> WorkerDiedError:
        code = self.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return WorkerDiedError(
            f"the worker process that refined it {how} (often: out of memory). What it had finished is kept; run this "
            "again, with fewer workers if memory is short."
        )


def refine_shards_in_processes(
    lake: Lake,
    plan: RefinementPlan,
    shards: Sequence[Shard],
    run_id: str,
    *,
    workers: int,
    limit: int | None = None,
    report: Report,
) -> PipelineResult:
    """Take shards from raw files to metrics as `refine_shards` does, in up to `workers` processes.

    Raises:
        StageError: A refiner needs an engine, which shards have to share.
        RefinerError: A refiner cannot be used at all.
    """
    if plan.needs_engine:
        raise StageError("several workers are for refiners without a model; an engine uses every core by itself")
    result = PipelineResult()
    tasks: deque[tuple[Shard, int | None]]
    if limit is None:
        tasks = deque((shard, None) for shard in shards)
    else:  # each shard's share of the limit depends on how many documents the shards before it had
        tasks = deque(read_shards(lake, plan, shards, run_id, result, limit=limit, report=report))
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    outcomes: dict[str, PipelineResult] = {}
    idle: list[_Worker] = []
    busy: dict[Connection, _Worker] = {}
    try:
        while tasks or busy:
            while tasks and len(busy) < workers:
                worker = idle.pop() if idle else _Worker.start(lake, plan, run_id, threads)
                busy[worker.connection] = worker
                worker.give(*tasks.popleft())
            for connection in wait(list(busy)):
                worker = busy[connection]  # pyright: ignore[reportArgumentType] - what went in comes out
                outcome = worker.take(report)
                if outcome is not None:
                    outcomes[worker.shard] = outcome
                    del busy[worker.connection]
                    if worker.process.poll() is None:
                        idle.append(worker)
    finally:
        _end(idle, list(busy.values()))
    for outcome in (outcomes[shard.key] for shard in shards if shard.key in outcomes):
        result.metrics |= outcome.metrics
        result.unchanged |= outcome.unchanged
        result.errors |= outcome.errors
    return result


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
    """Refine shards until the connection closes."""
    lake, plan, run_id = connection.recv()

    def report(stage: str, key: str) -> Progress:
        del key

        def tell(done: int, total: int) -> None:
            try:
                connection.send((stage, done, total))
            except OSError:  # the parent is gone; that is not an error of the shard
                sys.exit(1)

        return tell

    while True:
        shard, limit = connection.recv()
        try:
            message = refine_shards(lake, plan, [shard], run_id, limit=limit, report=report)
        except EXPECTED_ERRORS as error:
            message = error
        connection.send(message)


def _main(descriptor: int) -> None:
    # Ctrl-C reaches every process of the run; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with suppress(EOFError, OSError):  # the parent is gone
        _serve(Connection(descriptor))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
