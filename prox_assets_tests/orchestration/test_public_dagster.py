"""Dagster's public modules alone are used: its private ones change with any release, and say nothing of it."""

import ast
import re
from collections.abc import Iterator

from prox_assets_tests.infra.deployment_files import PROJECT_ROOT

PRIVATE = re.compile(r"dagster\w*(\.\w+)*\._")
# file: module that it imports, where there is no public counterpart.
ALLOWED = {
    # Without it, the UI takes an evaluation that a step logs for one of an older materialization.
    "prox_assets/orchestration/versions.py": (
        "dagster._core.definitions.asset_checks.asset_check_evaluation.AssetCheckEvaluationTargetMaterializationData"
    ),
    # DagsterInstance.from_config, the public way to have the file checked, connects to the database that it names.
    "prox_assets_tests/infra/test_instance_configuration.py": "dagster._core.instance.config.dagster_instance_config",
}


def imported(source: str) -> Iterator[str]:
    """Give every module, and every name of a module, that a source imports, at any depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_a_private_part_of_dagster():
    found = {
        (path.relative_to(PROJECT_ROOT).as_posix(), name)
        for folder in ("prox_assets", "prox_assets_tests", "benchmarks")
        for path in (PROJECT_ROOT / folder).rglob("*.py")
        for name in imported(path.read_text())
        if PRIVATE.match(name)
    }
    assert found == set(ALLOWED.items())


def test_private_parts_are_known_by_their_underscore():
    private = ["import dagster._core", "from dagster import _core", "from dagster_shared._x.y import z"]
    public = ["import dagster", "from dagster import AssetKey", "from dagster.components import Component", "import _x"]
    assert [any(map(PRIVATE.match, imported(line))) for line in private] == [True] * 3
    assert [any(map(PRIVATE.match, imported(line))) for line in public] == [False] * 4
