"""`prox apply`: published programs, applied to the original corpus."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich import box
from rich.table import Table as Grid

from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import ALL, number_or_all
from prox_assets.cli.views.progress import progress_on
from prox_assets.corpora.source import ColumnMapping, CorpusSource, FormatName
from prox_assets.lake.storage.storage import Storage
from prox_assets.machine.capacity import capacity
from prox_assets.publishing.programs.applying.applied import Applied
from prox_assets.publishing.programs.applying.apply import REFUSALS, SUMMARY, apply_programs
from prox_assets.publishing.programs.manifest import ProgramsManifest, corpora_of
from prox_assets.stages.settings import described

PROBLEMS_SHOWN = 10

_ROWS = (
    ("refined", "written, with the hash that was expected"),
    ("dropped", "dropped by their programs"),
    ("moved", "of these, found by their hash in another place"),
    ("changed", "refused: the original has another text there"),
    ("missing", "refused: the original has no such document"),
    ("different", "refused: another text came out than expected"),
    ("without_program", "in these originals, but in no program"),
    ("not_given", "in no file that --to names"),
)


@plain_errors()
def apply(
    programs: Annotated[str, typer.Argument(metavar="PROGRAMS", help="Folder or URL of the programs.")],
    to: Annotated[
        list[str],
        typer.Option("--to", metavar="ORIGINAL", help="Original files: a path, glob, folder or URL; may be repeated."),
    ],
    out: Annotated[
        str, typer.Option("--out", help="Folder or URL for the refined text; a folder per corpus.")
    ] = "refined",
    corpus: Annotated[
        str | None, typer.Option("--corpus", help="Whose programs, if the folder has those of several corpora.")
    ] = None,
    format: Annotated[  # noqa: A002
        FormatName | None,
        typer.Option("--format", case_sensitive=False, help="Format of the originals. [default: what it was]"),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column of the text in generic jsonl and parquet files. [default: text]")
    ] = None,
    url_column: Annotated[
        str | None, typer.Option(help="Column of the address in generic jsonl and parquet files. [default: url]")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(parser=number_or_all, metavar="N|all", help="Shards at a time, each in a process of its own."),
    ] = 1,
) -> None:
    """Apply published programs to the original corpus, which gives the refined corpus byte for byte.

    It needs no lake and no model. A document whose text is not the one that its program was written for is refused and
    named in CORPUS/refusals.jsonl; the others are refined. A document that has moved is found by the hash of its text.
    What is finished is kept by the next run.

    Exits with 1 if a document is refused, or a file cannot be read.
    """
    folder = Storage(programs)
    manifest = _manifest(folder, corpus)
    try:
        source = _source(manifest, to, format, text_column, url_column)
    except ValidationError as error:
        raise fail(described(error)) from error
    processes = capacity().workers if workers == ALL else workers
    written = Storage(out)
    try:
        with progress_on(errors) as report:
            progress = report("apply", manifest.corpus)
            applied = apply_programs(folder, manifest, source, written, workers=processes, progress=progress)
    except KeyboardInterrupt:
        say("stopped; finished shards are kept, and the same command resumes here")
        raise typer.Exit(130) from None

    def in_out(name: str) -> str:
        return written.uri(f"{manifest.corpus}/{name}")

    _show(manifest, applied)
    say(f"refined text: {in_out('*.parquet')}")
    for problem in applied.problems[:PROBLEMS_SHOWN]:
        fail(problem)
    if len(applied.problems) > PROBLEMS_SHOWN:
        say(f"{len(applied.problems) - PROBLEMS_SHOWN} more such errors are in {in_out(SUMMARY)}")
    if applied.refused:
        fail(f"{applied.refused:,} documents were refused; {in_out(REFUSALS)} names them")
    if not applied.is_complete:
        raise typer.Exit(1)


def _manifest(folder: Storage, corpus: str | None) -> ProgramsManifest:
    present = corpora_of(folder)
    if not present:
        raise fail(f"{folder.url} has no programs: a folder of programs has CORPUS/manifest.json")
    if corpus is None and len(present) > 1:
        raise fail(f"{folder.url} has programs of {', '.join(present)}: choose one with --corpus")
    manifest = ProgramsManifest.read(folder, corpus or present[0]) if corpus in (None, *present) else None
    if manifest is None:
        raise fail(f"{folder.url} has no programs of {corpus!r}; it has those of {', '.join(present)}")
    return manifest


def _source(
    manifest: ProgramsManifest,
    to: list[str],
    format_name: FormatName | None,
    text_column: str | None,
    url_column: str | None,
) -> CorpusSource:
    """Return how originals are read; columns of one's own mean a format that has them."""
    names = {key: name for key, name in (("text", text_column), ("url", url_column)) if name is not None}
    recorded = "auto" if names else manifest.format
    values = {"name": manifest.corpus, "urls": to, "format": format_name or recorded}
    return CorpusSource.model_validate({**values, "columns": ColumnMapping(**names) if names else None})


def _show(manifest: ProgramsManifest, applied: Applied) -> None:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(f"documents of {manifest.corpus}")
    grid.add_column("number", justify="right")
    grid.add_column("")
    for name, text in _ROWS:
        if (number := getattr(applied, name)) or name == "refined":
            grid.add_row(name.replace("_", " "), f"{number:,}", text)
    console.print(grid)
