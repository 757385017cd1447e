"""`prox report`: write the HTML report about a corpus into the lake or to a file."""

from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.report.write import write_report


@plain_errors()
def report(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of into the lake.")
    ] = None,
    settings: SettingsOption = None,
) -> None:
    """Write the report about a corpus: one HTML page that opens without a network.

    By default the page goes to `report/index.html` in the corpus's folder of the lake, like the one from the Dagster
    asset `refinement_report`.
    """
    files = settings_files(settings)
    opened = Lake(lake)
    names = files.corpora(opened, corpus)
    if output is not None and len(names) > 1:
        raise fail(f"--output takes one corpus, the lake has {len(names)}; choose with --corpus: {', '.join(names)}")
    for name in names:
        written = write_report(opened, name, files.watched.of(name).monitoring, output)
        say(f"{name}: {written.place} ({written.size / 1000:,.0f} kB)")
        for sentence in written.report.completeness.sentences:
            say(sentence)
