"""What `prox refine` is told, by options and by a defs.yaml, and what it says of a wrong one."""

import json

import pytest
import yaml

from prox_assets import RefinedCorpus
from prox_assets.cli.plan_options import corpus_name
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets_tests.cli.command_line import PAGE, one_line, prox
from prox_assets_tests.stages.shard_runs import write_pages


def test_a_model_that_is_not_there_is_one_error_however_many_files(tmp_path, lake):
    for name in "abc":
        write_pages(tmp_path / "raw" / f"{name}.jsonl", [PAGE])
    refiners = tmp_path / "mine.yaml"
    refiners.write_text(f"doc: {{name: gone, level: doc, model: {tmp_path}/no-model}}\n")
    output = prox("refine", tmp_path / "raw", "--lake", lake, "--refiner", refiners, expected=1)
    assert output.count("error:") == 1
    assert "no-model" in output


def test_a_defs_yaml_means_what_it_means_to_dagster(tmp_path, pages, lake, monkeypatch):
    monkeypatch.setenv("PAGES_FOLDER", str(tmp_path))
    defs = tmp_path / "defs.yaml"
    defs.write_text(
        "type: prox_assets.RefinedCorpus\nattributes:\n  corpus: crawl\n  group: web\n  refiners: rules\n"
        "  urls: ['{{ env.PAGES_FOLDER }}/pages.jsonl']\n  policy: {doc_keep_threshold: 0.7, whole_words: false}\n"
    )
    prox("refine", "--settings", defs, "--lake", lake)
    [row] = Lake(str(lake)).rows("crawl", Table.POLICIES, "pages.jsonl")
    policy = json.loads(row["configuration"])["policy"]
    assert (policy["doc_keep_threshold"], policy["whole_words"]) == (0.7, False)
    settings = RefinedCorpus.from_attributes_dict(attributes=yaml.safe_load(defs.read_text())["attributes"]).settings
    assert row["execution_fingerprint"] == settings.plan.execution_fingerprint

    prox("refine", "--settings", defs, "--lake", lake, "--policy", "doc_keep_threshold=0.5", "--corpus", "other")
    [row] = Lake(str(lake)).rows("other", Table.POLICIES, "pages.jsonl")
    policy = json.loads(row["configuration"])["policy"]
    assert (policy["doc_keep_threshold"], policy["whole_words"]) == (0.5, False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour: green", "there is no setting colour; attributes knows corpus, urls, format, columns"),
        ("policy: {tempo: 1}", "policy does not know tempo; it knows mode"),
        ("engine: {kind: abacus}", "engine: Input tag 'abacus'"),
        ("engine: {kind: server, base_url: localhost}", "engine.base_url: String should match"),
        ("refiners: {name: mine, doc: {level: doc}}", "refiners.doc.name: Field required"),
        ("corpus: Not A Name", "'Not A Name' cannot name a corpus"),
        ("refiners: nonsense", "no refiner preset 'nonsense'"),
        ("- a", "must hold a mapping"),
    ],
)
def test_a_wrong_setting_is_told_as_it_is_written(tmp_path, lake, line, message):
    (tmp_path / "defs.yaml").write_text(line if line[0] == "-" else f"corpus: web\nurls: [x]\n{line}\n")
    output = one_line(prox("refine", "--settings", tmp_path / "defs.yaml", "--lake", lake, expected=1))
    assert output.startswith("error: ")
    assert message in output
    assert "name the raw files" in one_line(prox("refine", "--lake", lake, expected=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--refiner", "nonsense"],
            "no refiner preset 'nonsense', nor a folder of that name; choose one of: bundled, cascade, keep-all",
        ),
        (["--refiner", "missing.yaml"], "No such file or directory: 'missing.yaml'"),
        (["--refiner", "EMPTY"], "must hold a mapping with doc: and chunk:"),
        (["--engine", "EMPTY"], "must hold a mapping with kind: and the engine's settings"),
        (["--engine", "nonsense"], "choose one of: vllm, server, transformers"),
        (["--engine", "server:localhost"], "engine.base_url: String should match"),
        (["--engine-option", "dtype"], "'dtype' is not of the form NAME=VALUE"),
        (["--engine-option", "dtype=int3"], "engine.dtype: Input should be"),
        (["--policy", "tempo=1"], "--policy does not know tempo; it knows mode, error_limit"),
        (["--policy", "doc_keep_threshold=high"], "doc_keep_threshold: Input should be a valid number"),
        (["--policy", "doc_keep_threshold=1.5"], "doc_keep_threshold must lie in [0, 1]"),
        (["--corpus", "Not A Name"], "cannot name a corpus"),
        (["--format", "c4", "--text-column", "body"], "format 'c4' fixes its own columns"),
        (["--lake", "nonsense://bucket"], "nonsense://bucket cannot be a lake"),
    ],
)
def test_options_that_make_no_sense_are_told_in_one_line(tmp_path, pages, lake, arguments, message):
    (tmp_path / "empty.yaml").write_text("")
    arguments = [str(tmp_path / "empty.yaml") if argument == "EMPTY" else argument for argument in arguments]
    output = prox("refine", pages, "--lake", lake, *arguments, expected=1)
    assert message in one_line(output)
    assert output.startswith("error: ")
    assert not lake.exists()


def test_inputs_that_match_nothing_are_told_with_a_remedy(tmp_path, lake):
    output = one_line(prox("refine", tmp_path / "[none]" / "*.jsonl", "--lake", lake, expected=1))
    assert f"{tmp_path}/[none]/*.jsonl" in output
    assert "matches no file" in output


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("pages.jsonl.gz", "pages"),
        ("/data/CC-MAIN-2024-10/*.parquet", "cc_main_2024_10"),
        ("s3://bucket/web/", "web"),
        ("hf://datasets/HuggingFaceFW/fineweb/data/**/*.parquet", "data"),
        ("2024.json", "corpus_2024"),
        ("*", "corpus"),
        (f"{'x' * 100}.jsonl", "x" * 64),
    ],
)
def test_a_corpus_is_named_after_its_first_input(url, name):
    assert corpus_name(url) == name


def test_several_workers_refine_without_a_model_only(pages, lake):
    assert "shard" in prox("refine", pages, "--lake", lake, "--workers", "2")
    refused = one_line(prox("refine", pages, "--lake", lake, "--refiner", "bundled", "--workers", "2", expected=1))
    assert "error: --workers is for refiners without a model; bundled has one" in refused
    assert "--gpus spreads it over devices" in refused


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_model_that_is_not_there_is_told_before_anything_is_read(tmp_path, pages, lake, folder):
    (tmp_path / "empty").mkdir()
    refiner = f"refinex={tmp_path / folder}"
    said = one_line(prox("refine", pages, "--lake", lake, "--refiner", refiner, expected=1))
    assert {"nowhere": "does not exist", "empty": "has no weights"}[folder] in said
    assert not lake.exists()
