"""`prox export-programs`: what refining did, as programs in the dialect of another refiner."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich import box
from rich.table import Table

from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import LakeOption
from prox_assets.cli.views.progress import progress_on
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.manifest import ExportManifest
from prox_assets.publishing.dialect_files.settings import (
    DIALECTS_OF_EXPORTS,
    RELEASED_COLUMNS,
    ExportSettings,
    FileFormat,
    Inexact,
    Layout,
)
from prox_assets.publishing.dialect_files.write import INEXACT
from prox_assets.publishing.dialect_files.write import export_programs as write
from prox_assets.stages.settings import described

_COLUMNS = "; ".join(f"{name}: {' and '.join(columns)}" for name, columns in RELEASED_COLUMNS.items())
_FIDELITIES = {
    "exact": "the program leaves the refined text",
    "white_space": "the same but for white space",
    "inexact": "the program leaves another text",
}
_REASONS = {
    "inside_line": "the dialect changes nothing inside lines",
    "puts_text": "it only removes, and the refiner put other text there",
    "inserts_line": "it inserts no lines",
    "not_unique": "no string of the line stands for the place alone",
    "too_long": "the string for the place would be too long",
    "too_many": "more strings than are executed in one line",
    "white_space": "it does not show blank lines and white space but single spaces",
    "not_traced": "executed in reference mode: the lines cannot be told apart",
    "executed_differently": "the program leaves another text than its calls say",
}


@plain_errors()
def export_programs(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A refined corpus of the lake.")],
    dialect: Annotated[str, typer.Option("--dialect", help=f"{', '.join(DIALECTS_OF_EXPORTS)}.")],
    to: Annotated[str, typer.Option("--to", help="Folder or URL to write to, one file per shard.")],
    lake: LakeOption = "lake",
    format: Annotated[  # noqa: A002
        FileFormat, typer.Option("--format", help="parquet, or jsonl (compressed).")
    ] = "parquet",
    layout: Annotated[
        Layout,
        typer.Option(
            "--layout",
            help=f"plain, or released: text and program in the columns that the released tools read ({_COLUMNS}).",
        ),
    ] = "plain",
    shard: Annotated[
        list[str] | None, typer.Option("--shard", help="Only this shard; may be repeated. All by default.")
    ] = None,
    inexact: Annotated[
        Inexact,
        typer.Option(
            "--inexact",
            help="What to do with a document whose refined text no program of the dialect gives: keep the program "
            "that comes closest, leave the document out (drop-document), or fail.",
        ),
    ] = "keep",
    with_text: Annotated[bool, typer.Option("--with-text", help="Write the original text beside the program.")] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="The lake's name for the export.", show_default="CORPUS-DIALECT, CORPUS-DIALECT-released"
        ),
    ] = None,
) -> None:
    """Write what refining did to each document as one program in the dialect of another refiner, for its tools.

    Every program is executed on the way, strictly, and compared with the refined text. What the dialect cannot say is
    left out, named in the document's row and counted in the manifest. Withdrawn documents are left out, and a later
    withdrawal takes them out. Files that are current are kept, and a killed run resumes where it stopped.

    The same corpus in our own dialect, in chunks as the models saw them: `prox publish --include programs`.
    """
    given: dict[str, Any] = {
        "corpus": corpus,
        "dialect": dialect,
        "format": format,
        "layout": layout,
        "with_text": with_text,
        "inexact": inexact,
    }
    try:
        settings = ExportSettings.model_validate(given)
    except ValidationError as error:
        raise fail(described(error)) from error
    try:
        with progress_on(errors) as report:
            progress = report("export", corpus)
            done = write(Lake(lake), settings, Storage(to), name or _name(settings), shard, progress=progress)
    except KeyboardInterrupt:
        say("stopped; finished shards are kept, and the same command resumes here")
        raise typer.Exit(130) from None
    _show(done.manifest)
    if not done.written:
        say("everything was current; nothing was written")
    say(f"programs: {done.folder.url}")


def _name(settings: ExportSettings) -> str:
    """Return the name of an export that was given none: layouts of a dialect are exports of their own."""
    suffix = "" if settings.layout == "plain" else f"-{settings.layout}"
    return f"{settings.corpus}-{settings.dialect}{suffix}"


def _show(manifest: ExportManifest) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"documents of {manifest.settings.corpus}, in {manifest.settings.dialect}")
    table.add_column("number", justify="right")
    table.add_column("")
    fidelity, unsaid, left_out = (manifest.total(counts) for counts in ("fidelity", "unsaid", "left_out"))
    for kind, text in _FIDELITIES.items():
        if fidelity[kind] or kind == "exact":
            table.add_row(kind.replace("_", " "), f"{fidelity[kind]:,}", text)
    if unsaid:
        table.add_section()
    for reason, documents in unsaid.most_common():
        table.add_row(f"  {reason.replace('_', ' ')}", f"{documents:,}", _REASONS[reason])
    if left_out:
        table.add_section()
    for why, documents in left_out.most_common():
        text = "no program gives their refined text" if why == INEXACT else ""
        table.add_row(f"left out: {why}", f"{documents:,}", text)
    console.print(table)
