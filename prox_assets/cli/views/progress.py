"""Progress of a long command: bars on a terminal, plain lines elsewhere, so a job's log shows it too."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from prox_assets.stages.run import Progress as Callback
from prox_assets.stages.running.pipeline import Report

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress_on(console: Console) -> Iterator[Report]:
    """Yield the callback factory that `refine_shards` takes; its reports go to the console."""
    if not console.is_terminal:
        yield lambda stage, shard: _lines(console, stage, shard)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield lambda stage, shard: _bar(bars, stage, shard)


def _bar(bars: Progress, stage: str, shard: str) -> Callback:
    """Show a bar from the first report on; a stage that is already current reports nothing."""
    task: TaskID | None = None

    def update(done: int, total: int) -> None:
        nonlocal task
        if task is None:
            task = bars.add_task(escape(f"{stage:<9} {shard}"), total=None)
        bars.update(task, completed=done, total=total or None, visible=done < total or total == 0)

    return update


def _lines(console: Console, stage: str, shard: str) -> Callback:
    """Print a line at the end of a stage, and one from time to time before that."""
    last = time.monotonic()
    finished = False

    def update(done: int, total: int) -> None:
        nonlocal last, finished
        if finished or ((done < total or total == 0) and time.monotonic() - last < SECONDS_BETWEEN_LINES):
            return
        last = time.monotonic()
        finished = done >= total > 0
        amount = f"{done:,} of {total:,}" if total else f"{done:,} so far"
        console.print(f"{stage:<9} {shard}: {amount}", markup=False, highlight=False, soft_wrap=True)

    return update
