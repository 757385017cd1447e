"""`prox withdraw`: what it shows, asks and refuses, and that `prox check` tells what is left."""

import json
from pathlib import Path

import polars as pl
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import COMPARISONS, NUMBERS, comparison_path
from prox_assets.lake.records.withdrawn import REJECT_REASON, Withdrawal, WithdrawnBy, remember, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets_tests.cli.command_line import PAGE, one_line, prox
from prox_assets_tests.stages.shard_runs import write_pages

pytestmark = pytest.mark.local_lake


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    write_pages(tmp_path / "pages.jsonl", [PAGE, PAGE.replace("river", "stream"), PAGE.replace("river", "brook")])
    prox("refine", tmp_path / "pages.jsonl", "--corpus", "web", "--lake", tmp_path / "lake")
    return tmp_path / "lake"


def documents(lake: Path) -> int:
    return Lake(str(lake)).require("web", Table.DOCUMENTS, "pages.jsonl").rows


def test_documents_are_withdrawn_by_every_name(lake: Path, tmp_path: Path) -> None:
    [first, *_] = Lake(str(lake)).rows("web", Table.DOCUMENTS, "pages.jsonl")
    (tmp_path / "requests.txt").write_text(f"# of May\nurl https://example.org/1\n\ntext_hash {first['text_hash']}\n")
    output = prox("withdraw", "--file", tmp_path / "requests.txt", "--reason", "theirs", "--lake", lake, "--yes")
    assert "2 documents in the lake web/pages.jsonl: 2 documents" in one_line(output)
    assert documents(lake) == 1
    assert {(each.reason, each.by.value) for each in withdrawn(Lake(str(lake))).withdrawals} == {
        ("theirs", "url"),
        ("theirs", "text_hash"),
    }
    assert "prox withdraw --resume" not in prox("check", "--lake", lake)
    trace = prox("withdraw", "--doc-id", "0" * 32, "--reason", "x", "--lake", lake, "--yes")
    assert "nothing that is there now" in trace
    rejects = Lake(str(lake)).rows("web", Table.REJECTS, "pages.jsonl")
    assert [row["reason"] for row in rejects] == [REJECT_REASON] * 2
    assert (
        json.loads(Lake(str(lake)).storage.read_bytes("web/manifests/pages.jsonl.json") or b"")["rows"]["outcomes"] == 1
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what is to be withdrawn"),
        (["--url", "https://example.org/1"], "say why with --reason"),
        (["--url", "/1", "--reason", "x"], "it names no host"),
        (["--domain", "https://example.org/1", "--reason", "x"], "is no domain"),
        (["--domain", "example", "--reason", "x"], "is no domain"),
        (["--doc-id", "12", "--reason", "x"], "32 hexadecimal digits"),
        (["--file", "there-is-none", "--reason", "x"], "cannot be read"),
        (["--url", "https://example.org/1", "--reason", "x"], "Withdraw this for good?"),
    ],
)
def test_what_is_refused_changes_nothing(lake: Path, arguments: list[str], message: str) -> None:
    assert message in one_line(prox("withdraw", *arguments, "--lake", lake, expected=1))
    assert documents(lake) == 3
    assert not withdrawn(Lake(str(lake)))


def test_labs_and_proofs_are_looked_for_where_they_are_by_default(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PROX_LAB", "PROX_PROOFS"):
        monkeypatch.delenv(name, raising=False)
    [first, *_] = Lake(str(lake)).rows("web", Table.DOCUMENTS, "pages.jsonl")
    files = [tmp_path / folder / "of" / "answers.jsonl" for folder in ("lab", "proofs")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"doc_id": first["doc_id"]}) + "\n")
    command = ("withdraw", "--doc-id", first["doc_id"], "--reason", "theirs", "--lake", lake, "--folder", ".", "--yes")
    prox(*command)
    assert [file.read_text() for file in files] == ["", ""]
    [removed] = (lake / "_withdrawn" / "removed").iterdir()
    assert pl.read_parquet(removed)["doc_id"].to_list() == [first["doc_id"]]


def test_comparisons_that_go_along_are_named(lake: Path) -> None:
    storage = Lake(str(lake)).storage
    for name, corpus in (("mine", "web"), ("other", "books")):
        storage.write_bytes(comparison_path(name, NUMBERS), json.dumps({"corpora": [corpus]}).encode())
        storage.write_bytes(comparison_path(name), b"<html>")
    said = prox("withdraw", "--url", "https://example.org/1", "--reason", "theirs", "--lake", lake, "--yes")
    assert "the comparison mine is removed (`prox compare mine` writes it again)" in one_line(said)
    assert "the comparison other" not in one_line(said)
    assert storage.list_folders(COMPARISONS) == ["other"]


def test_the_check_tells_what_is_left(lake: Path) -> None:
    remember(Lake(str(lake)), Withdrawal(WithdrawnBy.URL, "https://example.org/1", "theirs"))
    output = one_line(prox("check", "--lake", lake, expected=1))
    assert "documents of shard pages.jsonl has 1 withdrawn documents" in output
    assert "refined of shard pages.jsonl has 1 withdrawn documents" in output
    prox("withdraw", "--resume", "--yes", "--lake", lake)
    prox("check", "--lake", lake)
