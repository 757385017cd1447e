"""`prox tokens`: a table of what was written, options and settings, and errors that name the remedy."""

import json

import pytest
import yaml

from prox_assets.tokens.folder import folder_of, read_manifest
from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.tokens.token_lakes import lake_of, llama_like, pages, settings_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    llama_like(folder / "llama")
    return folder


@pytest.fixture
def lake(tmp_path):
    return lake_of(tmp_path, pages(3))


def test_it_prints_what_each_source_gave_to_each_split(folder, lake):
    raw = ("--lake", lake.url, "--corpus", "web", "--table", "documents", "--tokenizer", folder / "llama")
    options = (*raw, "--name", "all", "--split", "validation=0.4", "--format", "litgpt", "--litgpt-sequences", "2")
    output = prox("tokens", *options, "--sequence-length", "16", "--workers", "2")
    settings = settings_of(folder / "llama", name="all", formats=["litgpt"])
    manifest = read_manifest(folder_of(lake, settings))
    assert manifest is not None
    for split in ("train", "validation"):
        [row] = [line.split() for line in output.splitlines() if split in line.split()]
        shards = [shard for shard in manifest.shards if shard.split == split]
        tokens, characters = (sum(getattr(shard, name) for shard in shards) for name in ("tokens", "characters"))
        documents = sum(shard.documents for shard in shards)
        assert row == ["web", split, f"{documents:,}", f"{tokens:,}", f"{characters / tokens:.2f}"]
    assert sum(shard.documents for shard in manifest.shards) == 36
    assert f"token files: {lake.url}/_tokens/all" in output
    assert "litgpt leaves out" in output
    assert "everything was current" in prox("tokens", *options, "--sequence-length", "16")


def test_settings_of_a_file_and_options_that_go_first(folder, lake, tmp_path):
    source = {"kind": "table", "corpora": ["web"], "table": "documents"}
    attributes = {
        "name": "filed",
        "source": source,
        "tokenizer": str(folder / "llama"),
        "seed": 3,
        "automation": "eager",
    }
    file = tmp_path / "defs.yaml"
    file.write_text(yaml.safe_dump({"type": "prox_assets.TrainingTokens", "attributes": attributes}))
    prox("tokens", "--settings", file, "--lake", lake.url, "--seed", "4", "--to", tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["name"], manifest["settings"]["seed"], manifest["dtype"]) == ("filed", 4, "uint16")

    file.write_text(yaml.safe_dump({"attributes": {**attributes, "shufle": False}}))
    assert "there is no setting shufle; there are name, source" in prox(
        "tokens", "--settings", file, "--lake", "l", expected=1
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--corpus", "web"], "--name, --tokenizer missing"),
        (["--name", "a", "--tokenizer", "t"], "--corpus (or --proof and --arm) missing"),
        (["--proof", "p"], "--proof and --arm together"),
        (["--proof", "p", "--arm", "a", "--corpus", "web"], "one kind of source"),
        (["--name", "A b", "--tokenizer", "t", "--corpus", "web"], "name: String should match"),
        (["--name", "a", "--tokenizer", "nowhere", "--corpus", "web"], "there is no tokenizer nowhere"),
        (["--name", "a", "--tokenizer", "TOKENIZER", "--corpus", "web"], "has no refined: materialize"),
        (["--name", "a", "--tokenizer", "TOKENIZER", "--corpus", "no"], "no corpus no; it has web"),
        (["--name", "a", "--tokenizer", "t", "--corpus", "web", "--split", "train=0.5"], "train gets the sites"),
        (["--name", "a", "--tokenizer", "t", "--corpus", "web", "--split", "x"], "not of the form NAME=VALUE"),
        (["--name", "a", "--tokenizer", "t", "--corpus", "web", "--format", "webdataset"], "formats"),
    ],
)
def test_an_error_is_one_line_with_the_remedy(folder, lake, arguments, error):
    output = prox(
        "tokens", *(str(folder / "llama") if a == "TOKENIZER" else a for a in arguments), "--lake", lake.url, expected=1
    )
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert error in output
    assert not lake.storage.exists("_tokens")
