"""The Dockerfile against the project: nothing it copies or pins may go missing or drift."""

import re
import tomllib
from pathlib import PurePosixPath

import pytest

from prox_assets_tests.infra.deployment_files import INFRA, PROJECT_ROOT, Instruction, read_dockerfile

INSTRUCTIONS = read_dockerfile(INFRA / "Dockerfile")
TARGETS = ("cpu", "gpu")


def of(keyword: str, *stages: str) -> list[Instruction]:
    return [line for line in INSTRUCTIONS if line.keyword == keyword and (not stages or line.stage in stages)]


def copied_files() -> set[str]:
    return {source for line in of("COPY") for source in line.words[:-1]}


def test_every_file_that_is_copied_exists() -> None:
    assert {source for source in copied_files() if not (PROJECT_ROOT / source).exists()} == set()


def test_the_build_context_holds_what_is_copied_and_nothing_else() -> None:
    rules = [line for line in (INFRA / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] not in ("", "#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert {
        source for source in copied_files() if not let_in & {source, *map(str, PurePosixPath(source).parents)}
    } == set()
    assert let_in <= copied_files()


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_ends_as_an_ordinary_user(target: str) -> None:
    last = [line for line in INSTRUCTIONS if line.stage == target][-1]
    assert (last.keyword, last.words) == ("USER", ("prox",))


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_installs_extras_that_the_project_has(target: str) -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    [extras] = [
        found for line in of("RUN", target) for word in line.words for found in re.findall(r"^\.\[(.*)\]$", word)
    ]
    assert "postgres" in extras.split(",")
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_torch_of_the_cpu_image_is_the_one_that_was_tested() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (PROJECT_ROOT / "constraints.txt").read_text(), flags=re.MULTILINE))
    [torch] = [word for line in of("RUN", "cpu") for word in line.words if word.startswith("torch==")]
    assert torch == f"torch=={pins['torch']}+cpu"


def test_only_the_cpu_image_is_held_to_every_tested_version() -> None:
    constraints = {
        target: [
            word
            for line in of("RUN", target)
            for before, word in zip(line.words, line.words[1:], strict=False)
            if before == "-c"
        ]
        for target in TARGETS
    }
    assert constraints == {"cpu": ["constraints.txt"], "gpu": ["dagster-constraints.txt"]}


def test_no_secret_is_built_in() -> None:
    names = [word.split("=")[0] for line in of("ENV") + of("ARG") for word in line.words]
    assert names
    assert [name for name in names if re.search("PASSWORD|SECRET|TOKEN|KEY", name)] == []
