"""`prox overview`: all corpora of a lake at a glance, in the terminal, as a page, or as JSON."""

from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.cli.options import LakeOption
from prox_assets.cli.plan_options import plan_of
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.cli.views.overview import print_overview
from prox_assets.lake.lake import Lake
from prox_assets.overview.contents import Level
from prox_assets.overview.reading import OPENED, read_overview
from prox_assets.overview.write import write_page


@plain_errors()
def overview(
    lake: LakeOption = "lake",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML page that opens without a network.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    settings: SettingsOption = None,
    open_at_most: Annotated[
        int,
        typer.Option(
            "--open-at-most",
            min=0,
            metavar="FILES",
            help="How many files are opened to see whether they are current; what they say is remembered, so that the "
            "next overview opens others.",
        ),
    ] = OPENED,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if something is an error.")] = False,
) -> None:
    """Show all corpora at a glance: what needs attention, size, retention, drift, cost, last run, and what is stale.

    With the --settings of a corpus, shards that its present configuration would refine otherwise are stale, too, and
    drift is judged by its thresholds.
    """
    if html is not None and as_json:
        raise fail("choose --html or --json: with both, run the command twice")
    files = settings_files(settings)
    opened = Lake(lake)
    plans = {name: plan_of(path) for name, path in files.paths.items()}
    found = read_overview(opened, files.watched, plans, open_at_most)
    if html is not None:
        write_page(opened, found, html)
        say(f"{html}: {len(found.corpora)} corpora, {len(found.notices)} things that need attention")
    elif as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_overview(found)
    if check and found.level is Level.ERROR:
        raise typer.Exit(1)
