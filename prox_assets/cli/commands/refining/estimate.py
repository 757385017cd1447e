"""`prox estimate`: what refining a whole corpus will cost, from a timed sample."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from prox_assets.cli.console import console, errors, fail, plain_errors
from prox_assets.cli.options import sharing
from prox_assets.cli.plan_options import Planned, planned
from prox_assets.cli.views.progress import progress_on
from prox_assets.stages.estimates.backfill import Backfill, Overheads, best
from prox_assets.stages.estimates.cost import Estimate, estimate_cost


@sharing(planned, without=("corpus", "shard_bytes", "rows_per_shard", "window_documents"))
@plain_errors()
def estimate(
    given: Planned,
    sample: Annotated[int, typer.Option(min=1, help="Documents to time.")] = 200,
    seed: Annotated[int, typer.Option(help="Random seed of the sample.")] = 0,
    gpus: Annotated[
        int | None,
        typer.Option(min=1, help="Also simulate a backfill on N GPUs like the one that timed the sample."),
    ] = None,
) -> None:
    """Time a sample of documents and estimate a backfill's cost in engine hours.

    The sample is uniform over the first file, which is read whole. Parquet files are counted, the others estimated by
    their size. Loading the model (start) is timed separately, because a backfill pays for it once per run, not per
    shard. Nothing is written.
    """
    with progress_on(errors) as report:
        result = estimate_cost(given.plan, sample, seed, report)
    console.print(_table(result))
    console.print(
        f"{result.documents:,} documents in {result.files:,} {'file' if result.files == 1 else 'files'} "
        f"({_how_counted(result)}): [bold]{_hours(result.engine_hours)} engine hours[/]",
        highlight=False,
    )
    if gpus is not None:
        each = getattr(given.plan.engine, "tensor_parallel_size", 1)
        if gpus < each:
            raise fail(f"--gpus {gpus}: an engine takes {each}")
        for line in _backfills(result, gpus, gpus // each):
            console.print(line, highlight=False)


def _backfills(result: Estimate, gpus: int, engines: int) -> Iterator[str]:
    """Yield what a backfill on many GPUs takes, with the shards that there are and, if that is faster, with others."""
    overheads = Overheads(start=sum(timing.start_seconds for timing in result.timings))
    given = best(result.engine_hours, engines, overheads, shard_counts=(result.files,))
    yield _backfill(given, gpus)
    other = best(result.engine_hours, engines, overheads)
    if other.hours < 0.95 * given.hours:
        yield f"cut into other shards: {_backfill(other, gpus)}"


def _backfill(backfill: Backfill, gpus: int) -> str:
    return (
        f"{gpus:,} GPUs, {backfill.shards:,} shards, shards_per_run {backfill.per_run}: "
        f"[bold]{_hours(backfill.hours)} hours[/], {_hours(backfill.hours * gpus)} GPU-hours, "
        f"{backfill.efficiency:.0%} of them the model's; most of the others: {backfill.limit}"
    )


def _hours(hours: float) -> str:
    return f"{hours:,.2f}" if hours >= 0.01 else "less than 0.01"


def _how_counted(result: Estimate) -> str:
    if result.counted == result.files:
        return "counted"
    return f"{result.counted:,} counted, the others by their size"


def _table(result: Estimate) -> Table:
    title = f"Sample of {result.sample:,} documents (tokens are those of prompts)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for name in ("level", "documents", "start s", "run s", "docs/s", "tokens/s", "h per 1e9 tokens"):
        table.add_column(name, justify="left" if name == "level" else "right")
    for timing in result.timings:
        rate = timing.prompt_tokens / timing.seconds if timing.prompt_tokens else None
        table.add_row(
            timing.level,
            f"{timing.documents:,}",
            f"{timing.start_seconds:.1f}",
            f"{timing.seconds:.2f}",
            f"{timing.documents / timing.seconds:,.1f}",
            "-" if rate is None else f"{rate:,.0f}",
            "-" if rate is None else f"{1e9 / rate / 3600:,.2f}",
        )
    return table
