"""Dagster's warnings that partitioned checks are in preview and multi-run backfills in beta.

We use both on purpose; tests check the behaviour of the pinned version.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def without_preview_warnings() -> Iterator[None]:
    """Silence these warnings inside the block; a project's own definitions keep theirs."""
    with warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning):
            warnings.filterwarnings("ignore", category=category)
        yield
