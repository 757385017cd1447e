"""`prox estimate`: what refining a whole corpus will cost, from a timed sample."""

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from prox_assets.cli.console import console, errors, plain_errors
from prox_assets.cli.options import sharing
from prox_assets.cli.plan_options import Planned, planned
from prox_assets.cli.views.progress import progress_on
from prox_assets.stages.cost_estimate import Estimate, estimate_cost


@sharing(planned, without=("corpus", "shard_bytes", "rows_per_shard", "window_documents"))
@plain_errors()
def estimate(
    given: Planned,
    sample: Annotated[int, typer.Option(min=1, help="Documents to time.")] = 200,
    seed: Annotated[int, typer.Option(help="Random seed of the sample.")] = 0,
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
