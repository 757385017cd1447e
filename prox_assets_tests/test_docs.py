"""The docs say what the code does, where that can be compared."""

import re
from pathlib import Path

import grimp
import pytest
import yaml

from prox_assets.lake.describe import lake_page
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.refiners.config import RefinerPair

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_lake_page_describes_every_column_as_the_schemas_do() -> None:
    """Run `python -m prox_assets.lake.describe > docs/lake.md` after a change of the schemas."""
    assert (ROOT / "docs" / "lake.md").read_text() == lake_page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    set_up = (ROOT / "README.md").read_text().split("## Set-up")[1].split("```")[1]
    assert re.findall(r"^make (\w+)", set_up, flags=re.M) == ["demo", "test"]


def test_the_configurations_in_the_readme_are_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    corpus, refiners = (yaml.safe_load(block) for block in blocks)
    settings = CorpusSettings.model_validate(corpus["attributes"])
    assert settings.plan.refiners.name == "prox-web"
    assert RefinerPair.model_validate(refiners).chunk is not None


def test_the_design_page_lists_what_each_folder_imports() -> None:
    graph = grimp.build_graph("prox_assets", exclude_type_checking_imports=True)
    rooms = {module.split(".")[1] for module in graph.find_children("prox_assets")}
    table = (ROOT / "docs" / "design.md").read_text().split("| folder |")[1].split("\n\n")[0]
    said = {row.split("|")[1].strip(" `"): row.split("|")[3] for row in table.split("\n")[2:]}
    for room, imports in said.items():
        if room in ("cli", "defs"):  # on top of everything; loaded by Dagster
            continue
        found = {
            other
            for other in rooms - {room}
            if graph.find_modules_directly_imported_by(f"prox_assets.{room}") & {f"prox_assets.{other}"}
            or graph.direct_import_exists(
                importer=f"prox_assets.{room}", imported=f"prox_assets.{other}", as_packages=True
            )
        }
        assert set(re.findall(r"`(\w+)`", imports)) == found & set(said), room
