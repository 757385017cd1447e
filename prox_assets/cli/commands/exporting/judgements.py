"""`prox judgements`: what people said about refined documents, as labelled pages for the refiner lab."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption, corpora_of
from prox_assets.lake.lake import Lake

app = typer.Typer(no_args_is_help=True, help="People's judgements on documents, which `prox browse` collects.")


@app.callback()
def _judgements() -> None:
    """Keep `export` a command of its own while it is the only one."""


@app.command("export")
@plain_errors()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Parquet file of labelled pages.")],
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
) -> None:
    """Write judged documents as labelled pages, in the format that the refiner lab reads.

    `should_drop` labels a document, `good_edit` its lines; the other judgements tell that a result is wrong, not which
    one is right, and label nothing. The lab trains on these pages at half weight and never evaluates on them.
    """
    from prox_assets.training.data.judged_pages import SCHEMA, judged_documents, judged_pages, page_row
    from prox_assets.training.data.tables import write_table

    opened = Lake(lake)
    left_out: Counter[str] = Counter()
    rows = (
        page_row(page)
        for name in corpora_of(opened, corpus)
        for page in judged_pages(judged_documents(opened, name, left_out), left_out)
    )
    written = write_table(output, SCHEMA, rows)
    say(f"{output}: {written:,} labelled {'page' if written == 1 else 'pages'}")
    for reason, count in sorted(left_out.items()):
        if count:
            say(f"left out {count:,}: {reason}")
