"""What assets are handed: the lake, and engines for refiners. Defined once, in build.py, for every corpus.

Two components that each returned a resource of one name would fail to load (measured with Dagster 1.13).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import dagster as dg
from pydantic import Field

from prox_assets.lake.lake import Lake
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.plan import RefinementPlan

DEFAULT_LAKE = "lake"


class LakeResource(dg.ConfigurableResource):
    """Where the lake is."""

    url: str | None = Field(
        default=None,
        description="Folder or URL of the lake; when empty, the environment variable PROX_LAKE, else `lake` in the "
        "working directory.",
    )

    def open(self) -> Lake:
        """Return the lake."""
        return Lake(self.url or os.environ.get("PROX_LAKE") or DEFAULT_LAKE)


class EnginesResource(dg.ConfigurableResource):
    """Opens a corpus's refiners; an engine runs only inside the `with` block.

    Without the shutdown on exit a vLLM step process hangs after its success (measured).
    """

    @contextmanager
    def open(self, plan: RefinementPlan, level: Literal["doc", "chunk"]) -> Iterator[RefinerSession]:
        """Give a session of the plan's refiner at a level."""
        with plan.session(level) as session:
            yield session
