"""Arguments that try to leave the lake or to break the terminal: one line of error, nothing written elsewhere."""

import json
from functools import partial
from pathlib import Path

import pytest

from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.stages.shard_runs import write_pages

NAMES = ["..", "../web", "/etc", "a\x00b", "a\\b", "a" * 5_000, "wеb", "%2e%2e%2fweb", "web\n", "~", "$HOME", "[bold]x"]
refused = partial(prox, expected=1, columns=200)


@pytest.fixture(scope="module")
def refined(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    write_pages(folder / "p.jsonl", ["Home\nA page of words that goes on for a while and ends here."])
    prox("refine", folder / "p.jsonl", "--lake", folder / "lake", "--corpus", "web", expected=0)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_of_that_name_is_refused_and_nothing_is_written(refined, name):
    before = files(refined.parent)
    output = refused("refine", refined / "p.jsonl", "--lake", refined / "lake", "--corpus", name)
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert files(refined.parent) == before


@pytest.mark.parametrize("name", NAMES)
def test_looking_for_a_shard_or_corpus_of_that_name_finds_nothing_and_reads_nothing_else(refined, name):
    lake = ("--lake", refined / "lake")
    for command in (
        ("trace", "0" * 32, "--shard", name),
        ("trace", "0" * 32, "--corpus", name),
        ("trace", "--find", f"{name} nowhere"),
        ("replay", "--shard", name),
        ("replay", "--corpus", name),
        ("stats", "totals", "--corpus", name),
        ("catalog", "compact", "--corpus", name),
    ):
        assert refused(*command, *lake).startswith("error: ")
    assert "no rows" in prox("stats", "totals", "--shard", name, *lake, expected=0)


@pytest.mark.parametrize("url", ["a\x00b", "s3://", "nosuch://x", "a" * 5_000, "s3://me:secret@bucket/lake"])
@pytest.mark.parametrize(
    "command",
    [
        ("shards", "--lake"),
        ("sql", "SELECT 1", "--lake"),
        ("trace", "x", "--lake"),
        ("replay", "--lake"),
        ("stats", "totals", "--lake"),
        ("catalog", "build", "--lake"),
        ("catalog", "compact", "--lake"),
    ],
)
def test_a_lake_that_cannot_be_is_told_in_a_line(url, command):
    output = refused(*command, url)
    assert output.startswith("error: ")
    assert "secret" not in output


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("a\x00b", "null byte"),
        ("package://prox_assets/../../*", "leaves the package"),
        ("package://../x", "names no installed package"),
        ("https://me:secret@example.invalid/a.jsonl", "holds a user name and a password"),
        ("nosuch://x", "Protocol not known"),
    ],
)
def test_an_input_that_cannot_be_is_told_in_a_line(tmp_path, url, message):
    output = refused("refine", url, "--lake", tmp_path / "lake")
    assert message in output
    assert "secret" not in output
    assert not (tmp_path / "lake").exists()


def test_a_file_name_cannot_obey_the_terminal(tmp_path):
    (tmp_path / "a\x1b[2J\u202e.jsonl").write_text("{}\n{}\n")
    output = refused("refine", tmp_path, "--lake", tmp_path / "lake", "--corpus", "web")
    assert ".jsonl" in output
    assert "\x1b[2J" not in output
    assert "\u202e" not in output


def test_hostile_file_names_become_keys_inside_the_lake(tmp_path):
    names = [
        "%2e%2e%2fetc.jsonl",
        "‥․.jsonl",
        "a;b$(id).jsonl",
        "'; DROP TABLE.jsonl",
        "x" * 240 + ".jsonl",
        "[a]*?.jsonl",
    ]
    for number, name in enumerate(names):
        write_pages(tmp_path / "raw" / name, [f"Home\nPage {number} of words that goes on for a while and ends."])
    prox("refine", tmp_path / "raw", "--lake", tmp_path / "lake", "--corpus", "web", expected=0)
    refined = sorted((tmp_path / "lake" / "web" / "refined").iterdir())
    assert len(refined) == len(names)
    assert files(tmp_path) - {name for name in files(tmp_path) if name.startswith(("raw", "lake"))} == set()
    rows = json.loads(
        prox("sql", "SELECT count(*) AS n FROM documents", "--lake", tmp_path / "lake", "--format", "json", expected=0)
    )
    assert rows == [{"n": len(names)}]


def test_sql_cannot_leave_the_lake_by_its_path(refined):
    (refined / "secret.csv").write_text("a\n1\n")
    for path in (
        "../secret.csv",
        f"{refined}/lake/../secret.csv",
        str(refined / "secret.csv"),
        f"file://{refined}/secret.csv",
    ):
        output = refused("sql", f"FROM read_csv('{path}')", "--lake", refined / "lake")
        assert output.startswith("error: ")
