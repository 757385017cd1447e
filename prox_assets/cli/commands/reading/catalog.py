"""`prox catalog`: write the catalog as a file, and compact small tables."""

from pathlib import Path
from typing import Annotated

import typer

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.file import write_catalog
from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption, corpora_of
from prox_assets.lake.lake import Lake

app = typer.Typer(no_args_is_help=True, help="The DuckDB catalog over the lake.")


@app.command("build")
@plain_errors()
def build(
    lake: LakeOption = "lake",
    output: Annotated[
        Path | None,
        typer.Option("--output", help="File to write; by default catalog.duckdb in a local lake, else in this folder."),
    ] = None,
    texts: Annotated[
        bool, typer.Option("--texts", help="From an object store, copy documents and refined text, too.")
    ] = False,
) -> None:
    """Write catalog.duckdb, which any DuckDB 2 client opens read-only: `duckdb -readonly catalog.duckdb`.

    For a local lake the catalog holds views, so you need to rebuild it only for new corpora and tables. For an object
    store it holds copies of the tables.
    """
    opened = Lake(lake)
    if not opened.corpora():
        raise fail(f"the lake {lake} has no corpus yet; `prox refine` creates one")
    root = Path(opened.storage.root) if opened.storage.is_local else Path()
    path = write_catalog(opened, output or root / "catalog.duckdb", texts=texts)
    say(f"catalog: {path}")


@app.command("compact")
@plain_errors()
def compact_corpora(lake: LakeOption = "lake", corpus: CorpusOption = None) -> None:
    """Compact the small tables of each corpus, so that questions stay fast with thousands of shards.

    The asset `catalog` of a corpus does the same. A compaction is a copy; you may delete it at any time.
    """
    opened = Lake(lake)
    for name in corpora_of(opened, corpus):
        done = compact(opened, name)
        tables = ", ".join(f"{table} {rows:,}" for table, rows in done.rows.items()) or "nothing had changed"
        say(f"{name}: {done.shards_changed:,} shards had changed; rows: {tables}")
