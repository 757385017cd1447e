"""`prox metrics`: print the lake's numbers as Prometheus text, or write them for the textfile collector."""

from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import fail, plain_errors
from prox_assets.cli.options import CorpusOption, LakeOption
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.prometheus import lake_metrics


@plain_errors()
def metrics(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    settings: SettingsOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here, atomically; for the textfile collector."),
    ] = None,
) -> None:
    """Print the numbers of each corpus as Prometheus text: shards, documents, retention, tokens, drift, alerts.

    The names and their meaning are in docs/monitoring.md, and infra/grafana has a dashboard over them.
    """
    files = settings_files(settings)
    opened = Lake(lake)
    names = files.corpora(opened, corpus)
    text = lake_metrics(opened, names, files.watched.drift(names))
    if output is None:
        typer.echo(text, nl=False)
        return
    temporary = output.with_name(f".{output.name}.unfinished")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(output)
    except OSError as error:
        raise fail(f"the metrics cannot be written to {output}: {error}") from error
