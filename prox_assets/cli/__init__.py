"""The `prox` command."""

import os
import sys
from typing import Annotated

import typer

from prox_assets import __version__
from prox_assets.cli.commands.exporting import judgements
from prox_assets.cli.commands.exporting.apply import apply
from prox_assets.cli.commands.exporting.export_programs import export_programs
from prox_assets.cli.commands.exporting.publish import publish
from prox_assets.cli.commands.pretraining.evaluate import evaluate
from prox_assets.cli.commands.pretraining.run_card import run_card
from prox_assets.cli.commands.pretraining.task_files import task_files
from prox_assets.cli.commands.pretraining.tokens import tokens
from prox_assets.cli.commands.reading import catalog, stats
from prox_assets.cli.commands.reading.browse import browse
from prox_assets.cli.commands.reading.shards import shards
from prox_assets.cli.commands.reading.sql import sql
from prox_assets.cli.commands.reading.trace import trace
from prox_assets.cli.commands.refining.compare import compare
from prox_assets.cli.commands.refining.estimate import estimate
from prox_assets.cli.commands.refining.machine import machine
from prox_assets.cli.commands.refining.refine import refine
from prox_assets.cli.commands.refining.replay import replay
from prox_assets.cli.commands.refining.stage import stage
from prox_assets.cli.commands.refining.system_message import system_message
from prox_assets.cli.commands.removing.gc import gc
from prox_assets.cli.commands.removing.withdraw import withdraw
from prox_assets.cli.commands.removing.withdraw_shard import withdraw_shard
from prox_assets.cli.commands.watching.check import check
from prox_assets.cli.commands.watching.compute import compute
from prox_assets.cli.commands.watching.drift import drift
from prox_assets.cli.commands.watching.metrics import metrics
from prox_assets.cli.commands.watching.overview import overview
from prox_assets.cli.commands.watching.report import report
from prox_assets.cli.console import console, errors

WIDTH_WITHOUT_TERMINAL = 120

app = typer.Typer(
    name="prox",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
    help="""Refine pre-training corpora with small language models, the ProX way.

A refiner writes a program for every document (keep or drop it) and for every chunk of what survives (remove these
lines, normalise this string); an executor applies them. Every edit is recorded in the lake, a tree of Parquet files.

Try it without a model, a GPU or a network:

    prox refine pages.jsonl.gz --lake lake
""",
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"prox_assets {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command; the help is the app's."""


app.command()(refine)
app.command()(estimate)
app.command()(stage)
app.command()(machine)
app.command()(shards)
app.command()(trace)
app.command()(replay)
app.command()(sql)
app.add_typer(stats.app, name="stats")
app.add_typer(catalog.app, name="catalog")
app.add_typer(judgements.app, name="judgements")
app.command()(overview)
app.command()(report)
app.command()(compare)
app.command()(compute)
app.command()(drift)
app.command()(check)
app.command()(metrics)
app.command()(withdraw)
app.command()(gc)
app.command()(withdraw_shard)
app.command()(tokens)
app.command()(browse)
app.command()(publish)
app.command()(evaluate)
app.command()(task_files)
app.command()(apply)
app.command()(export_programs)
app.command()(run_card)
app.command()(system_message)


def main() -> None:
    """Run the command line."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        # A log or a pipe has no width; tables need not wrap at rich's default of 80 columns.
        console.width = errors.width = WIDTH_WITHOUT_TERMINAL
    app()
