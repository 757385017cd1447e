"""The components in a dg project of somebody else: their resources, and what a mistake in one of them does."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.build import build_defs
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets_tests.infra.deployment_files import PROJECT_ROOT
from prox_assets_tests.orchestration.components.foreign_project import RESOURCES, corpus, write_foreign_project
from prox_assets_tests.training.lab.plans import RECIPE, SHAPE, refiner

LAB = {
    "type": "prox_assets.RefinerLab",
    "attributes": {
        "name": "lab",
        "chunk": {"refiner": refiner("chunk"), "recipe": {**RECIPE, "shape": SHAPE}},
        "doc": {"refiner": refiner("doc"), "start_from": "chunk", "recipe": RECIPE},
    },
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.jsonl").write_text(json.dumps({"text": "A sentence of eight words, and a full stop.\n" * 40}) + "\n")
    return folder


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dg.Definitions]:
    """Write a project under its own name and load it, as its code server does."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def load_project(components: dict[str, dict[str, Any]], files: dict[str, str] | None = None) -> dg.Definitions:
        package = f"project_{abs(hash(str(tmp_path)))}"
        defs = write_foreign_project(tmp_path, package, components)
        for name, text in (files or {}).items():
            (defs / name).write_text(text)
        definitions = dg.load_from_defs_folder(path_within_project=tmp_path / package)
        dg.Definitions.validate_loadable(definitions)
        return definitions

    return load_project


def resources(definitions: dg.Definitions) -> dict[str, Any]:
    return dict(definitions.resources or {})


def discovered(definitions: dg.Definitions, name: str) -> list[str]:
    """Run a corpus's discovery job, materialize its first shard, evaluate its sensor; return the partitions."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_job_def(f"discover_{name}_shards").execute_in_process(instance=instance).success
        shards = instance.get_dynamic_partitions(f"{name}_shards")
        job = definitions.resolve_implicit_global_asset_job_def()
        assets = [key for key in definitions.resolve_asset_graph().materializable_asset_keys if key.path[0] == name]
        per_shard = [key for key in assets if key.path[1] not in ("catalog", "refinement_report")]
        assert job.execute_in_process(instance=instance, partition_key=shards[0], asset_selection=per_shard).success
        repository = definitions.get_repository_def()
        sensor = repository.get_sensor_def(f"{name}_shard_arrivals")
        lake = {"lake": resources(definitions)["lake"]}
        with dg.build_sensor_context(instance=instance, repository_def=repository, resources=lake) as context:
            assert sensor.evaluate_tick(context).skip_message
        return list(shards)


def test_two_corpora_and_a_lab_load_together_with_nothing_but_their_files(
    load: Callable[..., dg.Definitions], raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROX_LAKE", str(tmp_path / "lake"))
    definitions = load({"north": corpus("north", raw), "south": corpus("south", raw), "lab": LAB})
    keys = {key.path[0] for key in definitions.resolve_asset_graph().materializable_asset_keys}
    assert keys == {"north", "south", "lab"}
    assert set(resources(definitions)) == {"lake", "lab", "engines"}
    assert discovered(definitions, "north") == discovered(definitions, "south")
    assert Lake(str(tmp_path / "lake")).corpora() == ["north", "south"]


def test_a_resource_that_the_project_defines_replaces_the_default(
    load: Callable[..., dg.Definitions], raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROX_LAKE", str(tmp_path / "not-this-one"))
    files = {"resources.py": RESOURCES.format(lake=str(tmp_path / "mine"))}
    definitions = load({"north": corpus("north", raw), "south": corpus("south", raw)}, files)
    assert discovered(definitions, "south")
    assert Lake(str(tmp_path / "mine")).corpora() == ["south"]
    assert not (tmp_path / "not-this-one").exists()


def test_a_python_file_that_builds_a_corpus_itself_is_no_endless_search(
    load: Callable[..., dg.Definitions], raw: Path
) -> None:
    files = {
        "more.py": "import dagster as dg\n\n\n@dg.definitions\ndef more(context: dg.ComponentLoadContext):\n"
        "    inner = context.build_defs('north')\n    return dg.Definitions(resources={'seen': len(inner.assets)})\n"
    }
    definitions = load({"north": corpus("north", raw)}, files)
    assert resources(definitions)["seen"] > 0
    assert isinstance(resources(definitions)["lake"], LakeResource)


def test_overrides_reach_the_components_of_the_folder(raw: Path, tmp_path: Path) -> None:
    mine, engines = LakeResource(url=str(tmp_path / "mine")), EnginesResource()
    definitions = build_defs({"lake": mine, "engines": engines, "extra": 1})
    assert resources(definitions)["lake"] is mine
    assert resources(definitions)["engines"] is engines
    assert resources(definitions)["extra"] == 1


def broken(definitions: dg.Definitions) -> dict[str, str]:
    return {
        spec.key.to_user_string(): spec.description or ""
        for spec in definitions.resolve_all_asset_specs()
        if "broken_configuration" in spec.key.path
    }


@pytest.mark.parametrize(
    ("attributes", "line", "message"),
    [
        (
            {"refiners": "prox-poetry"},
            6,
            "no refiner preset 'prox-poetry', .*bundled, cascade, keep-all, lines, prox-math, .*rules",
        ),
        ({"colour": "green"}, 6, "no setting colour; attributes knows corpus, urls, "),
        ({"engine": {"kind": "abacus"}}, 6, "engine: .*'vllm', 'server', 'transformers'"),
        ({"policy": {"min_kept": 7}}, 7, "policy does not know min_kept; it knows mode, .*min_kept_share"),
        ({"rows_per_shard": "many"}, 6, "rows_per_shard: .*integer"),
        ({"owners": ["nobody in particular"]}, 7, "nobody in particular"),
        ({"group": "{{ nowhere.at_all }}"}, 6, "nowhere"),
        ({"alerts": {"format": "json", "dagster_url": "http://x"}}, 8, "has moved: write dagster_url outside alerts"),
        ({"report_schedule": "at noon"}, 6, "'at noon' is not a cron expression"),
    ],
)
def test_a_wrong_setting_shows_file_line_and_valid_names_and_leaves_other_corpora_loaded(
    load: Callable[..., dg.Definitions],
    raw: Path,
    caplog: pytest.LogCaptureFixture,
    attributes: dict[str, Any],
    line: int,
    message: str,
) -> None:
    definitions = load({"north": corpus("north", raw), "south": corpus("south", raw, **attributes)})
    [(key, description)] = broken(definitions).items()
    assert key == "south/broken_configuration"
    assert f"south/defs.yaml:{line}: " in description
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(description)
    assert f"south/defs.yaml:{line}: " in caplog.text
    assert (
        len([key for key in definitions.resolve_asset_graph().materializable_asset_keys if key.path[0] == "north"]) == 7
    )


def test_a_component_without_attributes_names_those_that_it_needs(
    load: Callable[..., dg.Definitions], raw: Path
) -> None:
    definitions = load({"north": corpus("north", raw), "empty": {"type": "prox_assets.RefinedCorpus"}})
    assert "RefinedCorpus needs attributes: corpus and urls" in broken(definitions)["empty/broken_configuration"]


def test_a_name_given_twice_breaks_these_two_only(load: Callable[..., dg.Definitions], raw: Path) -> None:
    """A folder is copied, and its corpus not renamed: two assets of one key would stop the whole code location."""
    definitions = load({folder: corpus(folder.strip("2"), raw) for folder in ("north", "north2", "south")})
    shown = broken(definitions)
    assert set(shown) == {"north/broken_configuration", "north2/broken_configuration"}
    assert "north2/defs.yaml:3: corpus 'north' is that of " in shown["north2/broken_configuration"]
    assert len(definitions.resolve_asset_graph().materializable_asset_keys) == 7


def run_dg(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{project}{os.pathsep}{PROJECT_ROOT}",
        "DAGSTER_HOME": str(project / "home"),
        "PROX_LAKE": str(project / "lake"),
        "COLUMNS": "200",
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(["dg", *arguments], cwd=project, env=environment, capture_output=True, text=True)


def test_dg_check_refuses_a_wrong_preset_and_a_wrong_key_with_their_lines_and_what_is_valid(
    tmp_path: Path, raw: Path
) -> None:
    wrong = {
        "refiners": "prox-poetry",
        "engine": {"kind": "abacus"},
        "policy": {"min_kept": 7},
        "colour": "green",
        "rows_per_shard": "many",
    }
    write_foreign_project(tmp_path, "shop", {"north": corpus("north", raw, **wrong)})
    checked = run_dg(tmp_path, "check", "yaml")
    assert checked.returncode == 1
    shown = checked.stdout
    for line, message in (
        (
            6,
            "'prox-poetry' is not one of ['bundled', 'cascade', 'keep-all', 'lines', 'prox-math', ",
        ),
        (8, "'abacus' is not one of ['server', 'transformers', 'vllm']"),
        (10, "'min_kept' was unexpected"),
        (11, "'colour' was unexpected"),
        (12, "'many' is not of type 'integer'"),
        (2, "'colour' is not one of ['corpus', 'urls', "),
    ):
        [found] = [text for text in shown.splitlines() if message in text and "defs.yaml:" in text]
        assert f"north/defs.yaml:{line} " in found


def write_example(root: Path, raw: Path) -> Path:
    """Write the project of docs/other-projects.md over a folder of raw files; return its defs.yaml."""
    page = (PROJECT_ROOT / "docs" / "other-projects.md").read_text()

    def blocks(language: str) -> list[str]:
        return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)

    [configuration], [component] = blocks("toml"), blocks("yaml")
    definitions, resources, _ = blocks("python")
    defs = root / "shop" / "defs"
    (defs / "crawl").mkdir(parents=True)
    for place in (root / "shop", defs):
        (place / "__init__.py").touch()
    (root / "pyproject.toml").write_text(configuration)
    (root / "shop" / "definitions.py").write_text(definitions)
    (defs / "resources.py").write_text(resources.replace("s3://bucket/lake", str(root / "mine")))
    (defs / "crawl" / "defs.yaml").write_text(component.replace("s3://bucket/crawl", str(raw)))
    return defs / "crawl" / "defs.yaml"


@pytest.mark.slow
def test_the_example_of_the_docs_checks_discovers_and_materializes_with_dg(tmp_path: Path, raw: Path) -> None:
    file = write_example(tmp_path, raw)
    (raw / "a.jsonl").rename(raw / "part-00000.jsonl")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").touch()
    for command in (
        "check defs",
        "launch --job discover_crawl_shards",
        "launch --assets key:crawl/raw_shards --partition part-00000.jsonl",
    ):
        done = run_dg(tmp_path, *command.split())
        assert done.returncode == 0, done.stdout + done.stderr
    assert Lake(str(tmp_path / "mine")).shards("crawl", Table.DOCUMENTS) == ["part-00000.jsonl"]
    assert not (tmp_path / "lake").exists()

    file.write_text(file.read_text().replace("refiners: cascade", "refiners: of/the/lab"))
    checked = run_dg(tmp_path, "check", "defs")
    assert checked.returncode == 1
    assert f"{file}:7: refiners: There is no refiner preset" in checked.stdout + checked.stderr
