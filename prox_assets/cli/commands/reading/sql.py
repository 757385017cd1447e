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
    memory: Annotated[str, typer.Option(help="Memory limit.")] = "2GB",
    seconds: Annotated[float, typer.Option(min=0.1, help="Time limit in seconds.")] = 60.0,
    rows: Annotated[int, typer.Option(min=1, help="Maximum number of rows in the result.")] = 1_000_000,
) -> None:
    """Run one SELECT with a view for each table of the lake.

    The views have the names of the tables (documents, outcomes, edits, shard_metrics, ...) and show published
    executions only; `manifests` and `document_index` are views, too. The query can read nothing outside the lake,
    write nothing and load no extension.
    """
    show_rows(run_select(Lake(lake), query, QueryLimits(memory, seconds, rows)), form, output, verbatim=True)
