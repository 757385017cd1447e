"""`prox compare`: refines and compares, or compares what is refined, and what it refuses."""

import json
from pathlib import Path

from prox_assets.comparison.write import read_comparison
from prox_assets.lake.records.comparisons import compared_corpora, comparisons
from prox_assets.lake.schemas import Table
from prox_assets_tests.cli.command_line import one_line, prox
from prox_assets_tests.comparison.lakes import CORPORA, three_refiners
from prox_assets_tests.lakes import lake_at, table_file

PROSE = "This is a paragraph of an article that says something about rivers and the people who live beside them. "


def write_raw(path: Path) -> Path:
    texts = [f"Home | About\n{PROSE * (number + 4)}\nShare this" for number in range(4)] + ["Home\nAbout"]
    rows = ({"text": text, "url": f"https://site{number}.example/"} for number, text in enumerate(texts))
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_refines_with_each_refiner_and_compares_and_does_nothing_twice(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    raw = write_raw(tmp_path / "raw.jsonl")
    command = ("compare", "try", str(raw), "--refiners", "rules,lines,keep-all", "--lake", lake.url)
    said = one_line(prox(*command))
    assert "try_rules: refined with rules" in said
    assert "the same 5 documents of 1 shard" in said
    assert "_comparisons/try/index.html" in said
    assert lake.corpora() == ["try_keep_all", "try_lines", "try_rules"]
    executions = {corpus: lake.execution(corpus, "raw.jsonl") for corpus in lake.corpora()}
    prox(*command)
    assert {corpus: lake.execution(corpus, "raw.jsonl") for corpus in lake.corpora()} == executions
    found = read_comparison(lake, "try")
    assert found is not None
    assert found.corpora == ("try_rules", "try_lines", "try_keep_all"), "in the order of the command"
    assert found.refiners[2].lines_removed == 0
    assert prox("compare", "few", str(raw), "--refiners", "rules,keep-all", "--limit", "2", "--lake", lake.url)
    few = read_comparison(lake, "few")
    assert few is not None
    assert few.documents == 2


def test_compares_what_is_refined(tmp_path: Path) -> None:
    lake = three_refiners(tmp_path)
    said = one_line(
        prox("compare", "web", "--corpora", ",".join(CORPORA), "--lake", lake.url, "--browser", "http://127.0.0.1:1/")
    )
    assert "1 refused" in said
    assert "quarantined" in said
    assert comparisons(lake) == ["web"]
    page = (lake.storage.read_bytes("_comparisons/web/index.html") or b"").decode()
    assert 'href="http://127.0.0.1:1/compare/web_one,web_two,web_three/documents/' in page


def test_a_refiner_that_fails_on_a_shard_is_told_and_the_rest_compared(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    write_raw(tmp_path / "good.jsonl")
    (tmp_path / "torn.jsonl").write_text("{no json")
    raw = (str(tmp_path / "good.jsonl"), str(tmp_path / "torn.jsonl"))
    said = one_line(prox("compare", "try", *raw, "--refiners", "rules,keep-all", "--lake", lake.url, expected=1))
    assert said.count("error: torn.jsonl: cannot tell which column") == 2
    assert "the same 5 documents" in said


def test_mistakes_are_told_in_a_line(tmp_path: Path) -> None:
    lake = three_refiners(tmp_path)
    for arguments, text in (
        ((), "give --corpora with what is refined already"),
        (("--corpora", "web_one"), "name at least two refiners"),
        (("--refiners", "rules"), "name at least two refiners"),
        (("--corpora", "Web_one,web_two"), "'Web_one' cannot name a corpus: use lower-case letters, digits"),
        (("raw.jsonl", "--corpora", "web_one,web_two"), "INPUT: that is about refining and belongs to --refiners"),
        (("--corpora", "web_one,web_two", "--window", "9", "--policy", "on_empty=drop"), "--policy, --window: that is"),
        (("raw.jsonl", "--refiners", "rules,ultrax=nofolder"), "system message that ultrax was tuned with is not on"),
        (("raw.jsonl", "--refiners", "rules,refinex=nofolder"), "model folder nofolder does not exist"),
        (("--corpora", "web_one,web_one"), "web_one is named twice"),
        (("--corpora", "web_one,other"), "has no corpus other"),
        (("--corpora", "web_one,web_two", "--limit", "3"), "--limit: that is about refining and belongs to --refiners"),
        (("--corpora", "web_one,web_two", "--labelled", str(tmp_path / "none.parquet")), "none.parquet does not exist"),
        (("--corpora", "web_one,web_two", "--labelled", __file__), "see docs/refiner-lab.md"),
        (("--corpora", "web_one,web_two", "--tokenizer", str(tmp_path)), "is no tokenizer"),
        (("raw.jsonl", "--refiners", "rules,a/rules"), "rename one"),
        (("--refiners", "rules,lines"), "name the raw files"),
    ):
        said = one_line(prox("compare", "web", *arguments, "--lake", lake.url, expected=1))
        assert text in said, (arguments, said)
    assert comparisons(lake) == []
    assert lake.corpora() == sorted(CORPORA), "nothing was read before a mistake was told"
    said = one_line(prox("compare", "Web", "x.jsonl", "--refiners", "rules,lines", "--lake", lake.url, expected=1))
    assert (
        said == "error: 'Web' cannot be a name: use lower-case letters, digits and underscores, beginning with a letter"
    )


def test_an_input_without_documents_is_told_so(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    (tmp_path / "empty.jsonl").write_text("")
    command = ("compare", "x", str(tmp_path / "empty.jsonl"), "--refiners", "rules,lines", "--lake", lake.url)
    assert "the input of x_rules and x_lines has no document" in one_line(prox(*command, expected=1))


def test_a_comparison_of_other_corpora_is_replaced_only_if_asked(tmp_path: Path) -> None:
    lake = three_refiners(tmp_path)
    prox("compare", "web", "--corpora", "web_one,web_two", "--lake", lake.url)
    prox("compare", "web", "--corpora", "web_two,web_one", "--samples", "0", "--lake", lake.url)
    other = ("compare", "web", "--corpora", "web_one,web_three", "--lake", lake.url)
    assert "compares other corpora (web_two, web_one)" in one_line(prox(*other, expected=1))
    assert compared_corpora(lake, "web") == ["web_two", "web_one"]
    prox(*other, "--replace")
    assert compared_corpora(lake, "web") == ["web_one", "web_three"]


def test_a_stale_corpus_is_named(tmp_path: Path) -> None:
    lake = three_refiners(tmp_path)
    table_file(lake, "web_two", Table.CHUNK_PROGRAMS, "one.jsonl").unlink()
    said = one_line(prox("compare", "web", "--corpora", "web_one,web_two", "--lake", lake.url, expected=1))
    assert "chunk_programs of shard 'one.jsonl' of corpus web_two is missing" in said
