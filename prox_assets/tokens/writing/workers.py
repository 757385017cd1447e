"""Shards of token files written one by one, or in several processes at a time: what `prox tokens` runs.

A worker process takes shards over its connection, one at a time, and ends when that closes, however this process ends.
A shard that fails, or whose worker dies, does not stop the others.
"""

import os
import signal
import socket
import subprocess
import sys
import traceback
from collections import deque
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from prox_assets.lake.lake import Lake
from prox_assets.machine.capacity import usable_cores
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS, Report, UnexpectedError
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.sources import ShardName
from prox_assets.tokens.writing.shard import TokenJob
from prox_assets.tokens.writing.write import STEP, WrittenShard, open_job, remember_export, write_shards

_END_SECONDS = 5.0
_INTERRUPT_SECONDS = 0.2
"""How soon Ctrl-C is noticed."""


@dataclass
class TokensResult:
    """What has become of the shards.

    Attributes:
        shards: Those that are complete, in the order of the source.
        errors: Why the others are not.
    """

    shards: list[WrittenShard] = field(default_factory=list)
    errors: dict[ShardName, Exception] = field(default_factory=dict)


def write_all(
    lake: Lake,
    settings: TokenSettings,
    run_id: str,
    *,
    proofs: str | None = None,
    workers: int = 1,
    report: Report,
) -> TokensResult:
    """Write the token files of every shard, as `write_tokens` does, and go on after errors of single shards.

    Args:
        lake: The lake.
        settings: All settings.
        run_id: Named to others who want to write the same shard.
        proofs: Folder of all proofs, for an arm.
        workers: How many processes; 1 is this one.
        report: Shows progress, given the step and a shard.

    Raises:
        TokensError: The source or the tokenizer cannot be used, or the name is that of files elsewhere.
        LakeError: The lake cannot be read or written.
    """
    job = open_job(lake, settings, proofs)
    names = job.source.shards()
    remember_export(job, names)
    outcomes: dict[ShardName, WrittenShard | Exception] = {}
    if workers == 1 or len(names) == 1:
        for name in names:
            outcomes[name] = _outcome(job, name, run_id, report)
    else:
        start = (lake, settings, proofs, run_id)
        _in_processes(start, deque(names), outcomes, min(workers, len(names)), report)
    result = TokensResult()
    for name in names:
        outcome = outcomes[name]
        if isinstance(outcome, Exception):
            result.errors[name] = outcome
        else:
            result.shards.append(outcome)
    return result


def _outcome(job: TokenJob, name: ShardName, run_id: str, report: Report) -> WrittenShard | Exception:
    try:
        return write_shards(job, [name], run_id, report)[0]
    except EXPECTED_ERRORS as error:
        return error
    except Exception as error:  # a bug, which is to cost one shard
        return UnexpectedError(f"{type(error).__name__}: {error}", traceback.format_exc())


_Start = tuple[Lake, TokenSettings, str | None, str]


def _in_processes(
    start: _Start,
    names: deque[ShardName],
    outcomes: dict[ShardName, WrittenShard | Exception],
    workers: int,
    report: Report,
) -> None:
    running: list[subprocess.Popen[bytes]] = []

    def work() -> None:
        worker: _Worker | None = None
        try:
            while True:
                try:
                    name = names.popleft()
                except IndexError:
                    return
                if worker is None:
                    worker = _Worker.start(start, max(1, usable_cores() // workers))
                    running.append(worker.process)
                outcomes[name] = worker.write(name, report)
                if worker.process.poll() is not None:
                    worker = None
        finally:
            if worker is not None:
                worker.end()

    with ThreadPoolExecutor(workers) as threads:  # its end waits for the threads, and so for their workers
        try:
            left = {threads.submit(work) for _ in range(workers)}
            while left:
                # polars handles SIGINT such that a wait without end is not interrupted.
                done, left = wait(left, _INTERRUPT_SECONDS, FIRST_EXCEPTION)
                for each in done:
                    each.result()
        except BaseException:
            names.clear()
            for process in running:
                process.terminate()
            raise


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection

    @classmethod
    def start(cls, start: _Start, threads: int) -> "_Worker":
        ours, theirs = socket.socketpair()
        limits = ("RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS")
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (this module)
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # The libraries start a thread per core in every process; they read these variables on import.
                env={**dict.fromkeys(limits, str(threads)), "TOKENIZERS_PARALLELISM": "true", **os.environ},
            )
        worker = cls(process, Connection(ours.detach()))
        with suppress(OSError):  # it has died; the next read will notice
            worker.connection.send(start)
        return worker

    def write(self, name: ShardName, report: Report) -> WrittenShard | Exception:
        progress = report(STEP, "/".join(name))
        try:
            self.connection.send(name)
            while True:
                message = self.connection.recv()
                if not isinstance(message, tuple):
                    return message
                progress(*message)
        except (EOFError, OSError):
            code = self.process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            return TokensError(
                f"the worker process of this shard {how} (often: out of memory). Shards that were finished are kept; "
                "run this again, with fewer workers if memory is short"
            )

    def end(self) -> None:
        self.connection.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _serve(connection: Connection) -> None:
    lake, settings, proofs, run_id = connection.recv()
    job = open_job(lake, settings, proofs)

    def report(step: str, shard: str) -> "_Told":
        del step, shard
        return _Told(connection)

    while True:
        connection.send(_outcome(job, connection.recv(), run_id, report))


@dataclass(frozen=True)
class _Told:
    """Progress that is told to the other process."""

    connection: Connection

    def __call__(self, done: int, total: int) -> None:
        try:
            self.connection.send((done, total))
        except OSError:  # the other process is gone; that is not an error of the shard
            sys.exit(1)


def _main(descriptor: int) -> None:
    # Ctrl-C reaches every process of the run; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # the parent is gone
        _serve(Connection(descriptor))


if __name__ == "__main__":
    # Pickled messages name the classes of the module, which is another one than the program.
    from prox_assets.tokens.writing import workers

    workers._main(int(sys.argv[1]))
