"""Dagster's warnings that partitioned checks are in preview and multi-run backfills in beta.

We use both on purpose; tests check the behaviour of the pinned version.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


def ignore_preview_warnings() -> None:
    """Silence these warnings in this process, also those that Dagster gives while it runs checks."""
    for category in (dg.BetaWarning, dg.PreviewWarning):
        warnings.filterwarnings("ignore", category=category)


@contextmanager
def without_preview_warnings() -> Iterator[None]:
    """Silence these warnings inside the block: the definitions of another project keep theirs."""
    with warnings.catch_warnings():
        ignore_preview_warnings()
        yield
