"""Tasks done one after another, or by several processes that end with the one that started them."""

import multiprocessing
import os
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Protocol, TypeVar

from prox_assets.publishing.programs.applying.applied import Applied

_LOOKS_EVERY = 0.5


class Task(Protocol):
    """Work that can be sent to another process."""

    def run(self) -> Applied:
        """Do it."""
        ...


T = TypeVar("T", bound=Task)


def done(tasks: Sequence[T], workers: int) -> Generator[tuple[T, Applied | Exception], None, None]:
    """Yield each task with what it came to, or its error, in the order in which they end.

    Closing it stops after the tasks that are under way.

    Args:
        tasks: The tasks.
        workers: Number of processes; 1 is this one.
    """
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, _run(task)
        return
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    for variable in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, threads)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        futures: dict[Future[Applied | Exception], T] = {pool.submit(_run, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                error = future.exception()
                yield futures[future], future.result() if error is None else _as_exception(error)
        except BaseException:  # leaving the block alone would do all tasks
            pool.shutdown(cancel_futures=True)
            raise


def _run(task: Task) -> Applied | Exception:
    try:
        return task.run()
    except Exception as error:
        return error


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))


def _end_with(parent: int) -> None:
    """End this process soon after its parent, even if that was killed: nobody would take its results."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKS_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
