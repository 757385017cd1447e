"""What the benchmarks' command lines have in common."""

import argparse
import os
from pathlib import Path

from prox_assets.training.data.pages import PAGES_VARIABLE


def command_parser(module: str, description: str | None, *, pages: bool = True) -> argparse.ArgumentParser:
    """Return the parser of `python -m benchmarks.MODULE`.

    Args:
        module: The module's name.
        description: Its docstring.
        pages: Whether it needs labelled pages (`--pages`).
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if pages:
        add_pages_option(parser, required=True)
    return parser


def add_pages_option(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add `--pages FILE`, which defaults to PROX_LABELLED_PAGES; the file must exist."""
    default = os.environ.get(PAGES_VARIABLE)
    parser.add_argument(
        "--pages",
        type=_existing_file,
        default=default,
        required=required and not default,
        metavar="FILE",
        help=f"Parquet file of labelled pages; {PAGES_VARIABLE} by default",
    )


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Add `--engine-option NAME=VALUE`, which may be repeated."""
    parser.add_argument(
        "--engine-option", action="append", default=[], metavar="NAME=VALUE", help="vLLM engine setting; repeatable"
    )


def positive(text: str) -> int:
    """Parse an integer of at least 1.

    Raises:
        argparse.ArgumentTypeError: It is smaller.
        ValueError: It is not an integer.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _existing_file(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {path} (from --pages or {PAGES_VARIABLE})")
    return path
