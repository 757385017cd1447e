"""The command that compares two lakes."""

from pathlib import Path

import pytest

from benchmarks import compare_lakes
from prox_assets_tests.placement.corpora import CORPUS, PROSE, discover, refine, write_corpus
from prox_assets_tests.stages.shard_runs import write_pages

pytestmark = pytest.mark.local_lake


def compare(monkeypatch: pytest.MonkeyPatch, *lakes: Path) -> int:
    monkeypatch.setattr("sys.argv", ["compare_lakes", *map(str, lakes), "--corpus", CORPUS])
    return compare_lakes.main()


def test_lakes_of_two_runs_are_the_same_until_a_page_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    defs, one, two = write_corpus(tmp_path, shards=2), tmp_path / "one", tmp_path / "two"
    refine(defs, str(one))
    refine(defs, str(two))
    assert compare(monkeypatch, two, one) == 0
    said = capsys.readouterr().out
    assert "documents: 14 rows\n" in said
    assert f"{CORPUS}: the same rows" in said

    write_pages(tmp_path / "raw" / "part-1.jsonl", [f"Home | About\n{PROSE}\nShare on Facebook"] * 8)
    refine(defs, str(two))
    assert compare(monkeypatch, two, one) == 1
    said = capsys.readouterr().out
    assert "documents of part-1.jsonl has 8 rows instead of 7" in said
    assert "part-0" not in said


def test_lakes_without_the_corpus_are_not_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    discover(write_corpus(tmp_path, shards=1), str(tmp_path / "one"))
    assert compare(monkeypatch, tmp_path / "nowhere", tmp_path / "nothing") == 1
    assert f"{CORPUS}: no rows in either lake" in capsys.readouterr().out
