"""The assets' resources: the lake, folders of labs and proofs, and engines; with defaults that a project overrides.

Dagster merges two definitions of one resource only if they are the same object (measured with 1.13), so every component
of a project returns the same one. It returns none where the project has its own.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from dagster.components.core.component_tree import ComponentTree
from dagster.components.core.decl import PythonFileDecl
from pydantic import Field

from prox_assets.lake.lake import Lake
from prox_assets.proof.folder import ProofFolder, proof_folder
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.plan import RefinementPlan
from prox_assets.training.lab.settings import DEFAULT_LAB, LabFolder

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


class ProofsResource(dg.ConfigurableResource):
    """Where proofs keep tokens, models and scores; a folder rather than a URL, because training needs a local disk."""

    root: str | None = Field(
        default=None,
        description="Folder of all proofs; when empty, the environment variable PROX_PROOFS, else `proofs` in the "
        "working directory.",
    )

    def folder(self, name: str) -> ProofFolder:
        """Return the folder of a proof."""
        return proof_folder(name, self.root)


class EnginesResource(dg.ConfigurableResource):
    """Opens a corpus's refiners."""

    def open(self, plan: RefinementPlan, level: Literal["doc", "chunk"]) -> AbstractContextManager[RefinerSession]:
        """Return the plan's refiner at a level; its engine runs only inside the `with` block.

        Without the shutdown on exit, a vLLM step process hangs after it has succeeded (measured).
        """
        return plan.session(level)


DEFAULTS: Mapping[str, Any] = {
    "lake": LakeResource(),
    "lab": LabResource(),
    "proofs": ProofsResource(),
    "engines": EnginesResource(),
}

_OVERRIDES: ContextVar[Mapping[str, Any] | None] = ContextVar("resource_overrides", default=None)
_SEARCHED: ContextVar[ComponentTree | None] = ContextVar("tree_being_searched", default=None)


@contextmanager
def overriding(resources: Mapping[str, Any]) -> Iterator[None]:
    """Let the components that are built inside the block return these resources instead of the defaults."""
    token = _OVERRIDES.set(resources)
    try:
        yield
    finally:
        _OVERRIDES.reset(token)


def resources_of_project(context: dg.ComponentLoadContext, names: Iterable[str]) -> dict[str, Any]:
    """Return the resources that a component contributes: those that the project does not define itself.

    The project's own are the ones that a Python file in its defs folder defines, such as the `defs/resources.py` that
    `dg scaffold defs dagster.resources` writes.
    """
    own = _defined_in_python(context)
    available = {**DEFAULTS, **(_OVERRIDES.get() or {})}
    return {name: available[name] for name in names if name not in own}


def _defined_in_python(context: dg.ComponentLoadContext) -> set[str]:
    """Return the names of the resources that the Python files of a defs folder define."""
    tree = context.component_tree
    if _SEARCHED.get() is tree:  # one of the files builds a component of ours itself
        return set()
    token = _SEARCHED.set(tree)
    try:
        files = [
            decl for decl in tree.find_root_decl().iterate_all_component_decls() if isinstance(decl, PythonFileDecl)
        ]
        return {name for file in files for name in (context.build_defs(file.loc).resources or {})}
    finally:
        _SEARCHED.reset(token)
