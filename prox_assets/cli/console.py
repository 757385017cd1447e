"""What a command says: sentences and errors, made harmless, and the exit code of errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import typer
from rich.console import Console
from rich.text import Text

from prox_assets.catalog.guarded import QueryError
from prox_assets.catalog.printable import printable
from prox_assets.machine.devices import DeviceError
from prox_assets.monitoring.drift.judge import DriftError
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS

console = Console()
errors = Console(stderr=True)


def fail(message: str) -> typer.Exit:
    """Print an error and return an exit with code 1 for the caller to raise."""
    # As text, not markup: paths and pydantic's messages contain brackets.
    errors.print(Text.assemble(("error: ", "bold red"), _harmless(message)), soft_wrap=True)
    return typer.Exit(1)


def warn(message: str) -> None:
    """Print a warning, verbatim."""
    errors.print(f"warning: {_harmless(message)}", style="yellow", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error that a user can fix in one line and exit with code 1; also decorates a whole command."""
    try:
        yield
    except (*EXPECTED_ERRORS, DeviceError, DriftError, QueryError, duckdb.Error) as error:
        raise fail(str(error)) from error


def say(message: str) -> None:
    """Print a sentence verbatim: names and paths contain brackets, which rich would take for markup."""
    console.print(_harmless(message), markup=False, highlight=False, soft_wrap=True)


def _harmless(message: str) -> str:
    """Remove control sequences: messages quote names and URLs of other people's files."""
    return "\n".join(map(printable, message.split("\n")))
