"""`prox sql`: one SELECT over the lake's views."""

from typing import Annotated

import typer

from prox_assets.catalog.guarded import QueryLimits, run_select
from prox_assets.cli.console import plain_errors
from prox_assets.cli.options import LakeOption
from prox_assets.cli.views.rows import FormatOption, OutputOption, show_rows
from prox_assets.lake.lake import Lake


@plain_errors()
def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT; docs/lake.md lists tables and columns.")],
    lake: LakeOption = "lake",
    form: FormatOption = "table",
    output: OutputOption = None,
    memory: Annotated[str, typer.Option(help="Memory at most.")] = "2GB",
    seconds: Annotated[float, typer.Option(min=0.1, help="Time at most.")] = 60.0,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the result at most.")] = 1_000_000,
) -> None:
    """Run one SELECT with a view for each table of the lake.

    The views have the tables' names (documents, outcomes, edits, shard_metrics, ...) and show published executions
    only. There are two more views, `manifests` and `document_index`. The query cannot read files outside the lake,
    write anything or load extensions.
    """
    show_rows(run_select(Lake(lake), query, QueryLimits(memory, seconds, rows)), form, output)
