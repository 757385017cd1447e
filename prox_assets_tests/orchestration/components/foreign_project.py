"""A dg project of somebody else: plain Dagster definitions, and our components by nothing but their defs.yaml."""

from pathlib import Path
from typing import Any

import yaml

DEFINITIONS = """from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""

RESOURCES = """import dagster as dg

from prox_assets.orchestration.resources import LakeResource


@dg.definitions
def resources():
    return dg.Definitions(resources={{"lake": LakeResource(url={lake!r})}})
"""


def write_foreign_project(root: Path, package: str, components: dict[str, dict[str, Any]]) -> Path:
    """Write a project; return its defs folder. Components are given by folder: the content of the defs.yaml."""
    defs = root / package / "defs"
    defs.mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "{package}"\nversion = "1"\n\n[tool.dg]\ndirectory_type = "project"\n\n'
        f'[tool.dg.project]\nroot_module = "{package}"\n'
    )
    (root / package / "__init__.py").touch()
    (defs / "__init__.py").touch()
    (root / package / "definitions.py").write_text(DEFINITIONS)
    for folder, content in components.items():
        (defs / folder).mkdir()
        (defs / folder / "defs.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return defs


def corpus(name: str, urls: Path | str, **attributes: Any) -> dict[str, Any]:
    """Return the defs.yaml of a corpus."""
    return {"type": "prox_assets.RefinedCorpus", "attributes": {"corpus": name, "urls": [str(urls)], **attributes}}
