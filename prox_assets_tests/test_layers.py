"""What a room may know, where import contracts cannot say it."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import prox_assets
from prox_assets.lake.schemas import WRITTEN_BY, Table

ROOT = Path(prox_assets.__file__).parent
ASSETS = set(WRITTEN_BY.values()) - set(Table) | {"refinement_report"}


def imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_programs_import_only_the_standard_library() -> None:
    for file in (ROOT / "programs").rglob("*.py"):
        for name in imported_by(file):
            own = name == "prox_assets.programs" or name.startswith("prox_assets.programs.")
            assert own or name.partition(".")[0] in sys.stdlib_module_names, f"{file} imports {name}"


def test_the_lake_names_assets_in_one_table_only() -> None:
    """`WRITTEN_BY` gives errors their remedy; everything else in the lake is about tables."""
    named = re.compile(rf"\b({'|'.join(sorted(ASSETS))})\b")
    for file in (ROOT / "lake").rglob("*.py"):
        text = re.sub(r"^WRITTEN_BY.*?^}", "", file.read_text(), flags=re.DOTALL | re.MULTILINE)
        assert not named.search(text), f"{file} names an asset"
