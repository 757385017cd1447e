"""The pages about clusters: their settings are valid, their manifests are those of the API, their commands run."""

import re
import subprocess
import sys
import textwrap
from typing import Any

import kubernetes_validate
import pytest
import yaml

from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.placement.run import ExitCode
from prox_assets.placement.settings import Placements
from prox_assets_tests.infra.deployment_files import INFRA
from prox_assets_tests.placement.corpora import environment

PAGES = ("clusters", "ray", "slurm", "kubernetes")
MANIFESTS = ("namespace", "lake", "jobs")
KUBERNETES = INFRA / "kubernetes"


def text_of(page: str) -> str:
    return (INFRA / f"{page}.md").read_text()


def blocks(page: str) -> list[dict[str, Any]]:
    """Return what a page shows of a defs.yaml."""
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text_of(page), flags=re.S)]
    return [block.get("attributes", block) for block in found]


@pytest.mark.parametrize("page", PAGES)
def test_the_placements_that_a_page_shows_are_valid(page: str) -> None:
    for block in blocks(page):
        placements = Placements.model_validate(block["placement"])
        assert page in ("clusters", placements.programs.kind)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", text_of(page)):
        assert (INFRA / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_the_python_commands_of_a_page_run_as_they_stand(page: str) -> None:
    commands = re.findall(r'^ *python -c "\n(.*?)"$', text_of(page), flags=re.S | re.M)
    assert bool(commands) == (page in ("slurm", "kubernetes"))
    for command in commands:
        code = textwrap.dedent(command)
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert "prox-crawl-try" in ran.stdout


def test_the_exit_codes_are_those_of_the_command() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", text_of("clusters"), flags=re.M)
    told = {int(code) for row in rows for code in row.split(", ")}
    assert told == {2, 130, 143, *map(int, ExitCode)}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_follow_the_schema_of_the_api(name: str) -> None:
    for manifest in yaml.safe_load_all((KUBERNETES / f"{name}.yaml").read_text()):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_has_every_manifest_and_every_corpus() -> None:
    text = (KUBERNETES / "kustomization.yaml").read_text()
    kustomization = yaml.safe_load(text)
    # values.yaml has the lake in an object store.
    assert set(kustomization["resources"]) == {f"{name}.yaml" for name in MANIFESTS if name != "lake"}
    assert "lake.yaml" in yaml.safe_load(text.replace("# - lake.yaml", "- lake.yaml"))["resources"]
    listed = {file for generator in kustomization["configMapGenerator"] for file in generator["files"]}
    assert listed == {str(path.relative_to(KUBERNETES)) for path in KUBERNETES.glob("corpora/*/defs.yaml")}
    deployments = yaml.safe_load((KUBERNETES / "values.yaml").read_text())["dagster-user-deployments"]["deployments"]
    mounted = {volume["configMap"]["name"] for each in deployments for volume in each["volumes"]}
    assert mounted == {generator["name"] for generator in kustomization["configMapGenerator"]}


def test_the_corpus_names_what_the_kustomization_makes() -> None:
    [path] = KUBERNETES.glob("corpora/*/defs.yaml")
    settings = CorpusSettings.model_validate(yaml.safe_load(path.read_text())["attributes"])
    placement = settings.placement.programs
    assert placement.kind == "kubernetes"
    made = [
        (each["kind"], each["metadata"]["name"])
        for name in MANIFESTS
        for each in yaml.safe_load_all((KUBERNETES / f"{name}.yaml").read_text())
    ]
    assert ("Namespace", placement.namespace) in made
    assert ("ServiceAccount", placement.service_account) in made
    assert ("PriorityClass", placement.pod["priorityClassName"]) in made
