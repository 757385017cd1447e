"""The assets' resources: the lake, the labs' folder, and engines for refiners.

build.py defines them for all components: two components that return a resource of one name fail to load (measured with
Dagster 1.13).
"""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field

from prox_assets.lake.lake import Lake
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.plan import RefinementPlan
from prox_assets.training.lab.settings import LabFolder

DEFAULT_LAKE = "lake"
DEFAULT_LAB = "lab"


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


class LabResource(dg.ConfigurableResource):
    """Where refiner labs keep their files; a folder rather than a URL, because training needs a local disk."""

    root: str | None = Field(
        default=None,
        description="Folder of all labs; when empty, the environment variable PROX_LAB, else `lab` in the working "
        "directory.",
    )

    def folder(self, name: str) -> LabFolder:
        """Return the folder of a lab."""
        return LabFolder(Path(self.root or os.environ.get("PROX_LAB") or DEFAULT_LAB) / name)


class EnginesResource(dg.ConfigurableResource):
    """Opens a corpus's refiners."""

    def open(self, plan: RefinementPlan, level: Literal["doc", "chunk"]) -> AbstractContextManager[RefinerSession]:
        """Return the plan's refiner at a level; its engine runs only inside the `with` block.

        Without the shutdown on exit, a vLLM step process hangs after it has succeeded (measured).
        """
        return plan.session(level)
