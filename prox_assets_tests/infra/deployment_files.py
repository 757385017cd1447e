"""The files of `infra/` as data: compose files with their variables filled in, a Dockerfile as its instructions.

This needs no Compose: of its syntax, the files only use `${NAME:-default}`, `${NAME:?message}` and `$$`. Any other
form is an error.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT_ROOT = Path(__file__).parent.parent.parent
INFRA = PROJECT_ROOT / "infra"
COMPOSE = INFRA / "compose.yaml"
COMPOSE_GPU = INFRA / "compose.gpu.yaml"

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+):(?P<form>[-?])(?P<rest>[^}]*)\}|(?P<other>))")


class MissingVariableError(Exception):
    """A variable without a default is not set; the message is the one that the compose file gives."""


def fill_in(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a parsed YAML value with the variables in its strings replaced, as Compose does before it starts.

    Raises:
        MissingVariableError: A required one is unset or empty.
        ValueError: The file uses a form that is not read here.
    """
    if isinstance(value, dict):
        return {key: fill_in(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill_in(inner, variables) for inner in value]
    return _VARIABLE.sub(lambda match: _replacement(match, variables), value) if isinstance(value, str) else value


def _replacement(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    if match["name"] is None:
        raise ValueError(f"{match.string!r} uses a variable in another form than ${{NAME:-default}} or ${{NAME:?why}}")
    given = variables.get(match["name"], "")
    if given or match["form"] == "-":
        return given or match["rest"]
    raise MissingVariableError(f"{match['name']}: {match['rest']}")


def read_compose(path: Path) -> dict[str, Any]:
    """Return a compose file as written, with anchors and merge keys resolved."""
    return yaml.safe_load(path.read_text())


def compose_services(variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the services of compose.yaml, by name, as containers would be started with these variables."""
    return fill_in(read_compose(COMPOSE)["services"], variables)


@dataclass(frozen=True)
class Instruction:
    """An instruction of a Dockerfile, in which build stage it stands (the last name seen), and its words."""

    stage: str
    keyword: str
    words: tuple[str, ...]


def read_dockerfile(path: Path) -> list[Instruction]:
    """Return the instructions of a Dockerfile; line continuations are joined and comments left out."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    instructions: list[Instruction] = []
    stage = ""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        keyword, *words = shlex.split(line)
        if keyword == "FROM":
            stage = words[-1]
        instructions.append(Instruction(stage, keyword, tuple(words)))
    return instructions
