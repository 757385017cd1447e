"""What a comparison counts, on programs whose results can be counted by hand."""

import json
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from prox_assets.comparison.contents import Comparison, RefinerSummary, SampleKind
from prox_assets.comparison.errors import ComparisonError
from prox_assets.comparison.page import render
from prox_assets.comparison.settings import ComparisonSettings
from prox_assets.corpora.sample import sample_source
from prox_assets.lake.errors import DamagedTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.training.data.pages import COLUMNS
from prox_assets.training.data.vocabulary import train_tokenizer
from prox_assets.training.evaluation.measures import word_f1
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.comparison.lakes import CORPORA, ONE, SHARD, TEXTS, TWO, compared, pages, three_refiners
from prox_assets_tests.lakes import as_an_earlier_release_executed_it, lake_at, table_file
from prox_assets_tests.proof.refined_sample import refine


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return three_refiners(tmp_path_factory.mktemp("compared"))


@pytest.fixture(scope="module")
def found(lake: Lake) -> Comparison:
    return compared(lake)


def test_what_each_refiner_keeps(found: Comparison) -> None:
    one, two, three = found.refiners
    assert (found.documents, found.with_site, found.groups, found.shards) == (5, 5, 5, 1)
    assert {name: count for name, count in one.outcomes.items() if count} == {
        "kept_unchanged": 2,
        "kept_edited": 2,
        "dropped_by_document": 1,
    }
    assert one.documents_kept.value == 4 / 5
    assert two.documents_kept.value == 1.0, "of the documents that it did not fail on"
    assert two.outcomes["quarantined"] == 1
    assert three.outcomes["dropped_by_chunks"] == 1
    assert (three.dialects, one.dialects) == (("ultrax",), ("prox",))
    # menu, footer and Home of the 9 visible lines that are in kept documents.
    assert (one.lines, one.lines_removed) == (9, 3)
    assert (one.programs, one.failures["refused"]) == (4, 1)
    assert one.characters_before == sum(map(len, TEXTS))
    kept = "about rivers", TEXTS[1], "\nabout hills\nmore hills", TEXTS[4]
    assert one.characters_after == sum(map(len, kept))
    assert one.words_after == sum(len(text.split()) for text in kept)
    inserted = "about streams\nfooter\nan added line"
    assert three.words_after == sum(len(text.split()) for text in (inserted, TEXTS[1], kept[2], TEXTS[4]))


def test_how_far_a_pair_agrees(found: Comparison) -> None:
    pair = found.pair_of["web_one", "web_two"]
    # Page 4 is left out: the second failed on it.
    assert (pair.documents, pair.first_keeps, pair.second_keeps, pair.both_keep) == (4, 3, 4, 3)
    assert pair.agreement.value == 3 / 4
    assert pair.kappa.value == pytest.approx(0.0), "chance gives .75, too"
    assert (pair.same_text, pair.identical.value) == (1, 1 / 3)
    lines = pair.lines_both_keep
    assert (lines.lines, lines.first_removes, lines.second_removes, lines.both_remove) == (7, 3, 2, 2)
    assert lines.agreement.value == pytest.approx(6 / 7)
    assert lines.jaccard.value == pytest.approx(2 / 3)
    chance = 3 / 7 * 2 / 7 + 4 / 7 * 5 / 7
    assert lines.kappa.value == pytest.approx((6 / 7 - chance) / (1 - chance))
    everything = pair.lines_all
    assert (everything.lines, everything.first_removes, everything.both_remove) == (9, 5, 2)
    assert lines.jaccard.low is not None
    assert lines.jaccard.high is not None
    assert lines.jaccard.low <= 2 / 3 <= lines.jaccard.high


def test_refiners_of_two_dialects_that_do_the_same_agree(found: Comparison) -> None:
    pair = found.pair_of["web_one", "web_three"]
    assert (pair.agreement.value, pair.kappa.value) == (1.0, 1.0)
    assert (pair.only_first_keeps, pair.only_second_keeps) == (0, 0)
    assert pair.same_text == 3
    assert (pair.lines_both_keep.only_first_removes, pair.lines_both_keep.only_second_removes) == (1, 0)


def test_where_nothing_can_differ_kappa_is_left_open(lake: Lake, tmp_path: Path) -> None:
    other = lake_at(tmp_path / "lake")
    for corpus in CORPORA[:2]:
        refine_pages(other, tmp_path / "raw", pages([{}] * len(TEXTS)), corpus=corpus)
    [pair] = compared(other, *CORPORA[:2]).pairs
    assert (pair.agreement.value, pair.kappa.value) == (1.0, None)
    assert (pair.lines_both_keep.agreement.value, pair.lines_both_keep.jaccard.value) == (1.0, None)


def test_samples_are_where_they_differ_and_the_same_every_time(lake: Lake, found: Comparison) -> None:
    kinds = {(one.first, one.second, one.kind, one.source_row) for one in found.samples}
    assert kinds == {
        ("web_one", "web_two", SampleKind.SECOND_KEEPS, 3),
        ("web_one", "web_two", SampleKind.LINES, 0),
        ("web_one", "web_three", SampleKind.LINES, 0),
        ("web_two", "web_three", SampleKind.FIRST_KEEPS, 3),
    }
    [lines] = [one for one in found.samples if one.kind is SampleKind.LINES and one.second == "web_two"]
    assert [(line.number, line.text, line.removed_by) for line in lines.lines] == [(2, "footer", "web_one")]
    assert compared(lake, seed=0).samples == found.samples
    assert compared(lake, samples=0).samples == ()


def test_cost_is_that_of_the_compared_shards(found: Comparison) -> None:
    one = found.costs[0]
    assert one.attempts == 2
    assert one.raw_characters == sum(map(len, TEXTS))
    assert one.raw_tokens is None, "no refiner has a tokenizer"
    assert one.per_billion_characters(one.core_hours) is None, "too little text"
    more = one.model_copy(update={"raw_characters": 200_000, "raw_tokens": 50_000.0})
    assert more.per_billion_characters(1.0) == pytest.approx(5_000)
    assert more.per_billion_tokens(1.0) == pytest.approx(20_000)
    assert "100,000 characters of raw text, which is too few" in render(found)
    assert one.gpu_hours == 0


def test_labelled_pages_are_found_by_address_or_id_and_scored(lake: Lake, tmp_path: Path) -> None:
    gold = "about rivers"
    rows = [
        _page("p0", "https://site0.example/page", TEXTS[0], [0, 1, 0], gold),
        _page("p2", "https://site2.example/page", "other text", [1], "other text"),
        _page("p3", "", TEXTS[3], [1, 1], TEXTS[3]),
        _page("silver", "https://site1.example/page", TEXTS[1], [1], ""),
    ]
    _write_pages(tmp_path / "labelled.parquet", rows)
    said = compared(lake, labelled=tmp_path / "labelled.parquet").labelled
    assert said is not None
    assert (said.pages, said.found, said.other_text) == (3, 1, 1)
    one, two, three = said.scores
    assert {score.regime for score in said.scores} == {"text_full"}
    assert one.word_f1.value == 1.0
    assert two.word_f1.value == pytest.approx(word_f1("about rivers\nfooter", gold))
    assert three.word_f1.value == pytest.approx(word_f1("about streams\nfooter\nan added line", gold))
    assert (one.removed_f1, two.removed_f1) == (1.0, pytest.approx(2 / 3))
    assert said.raw["text_full"] == pytest.approx(word_f1(TEXTS[0], gold))
    first = said.differences[0]
    assert (first.first, first.second) == CORPORA[:2]
    assert first.mean == pytest.approx(1.0 - word_f1("about rivers\nfooter", gold))


def _write_pages(path: Path, rows: list[dict[str, object]]) -> None:
    schema = pa.schema([(name, pa.list_(pa.int8()) if name.startswith("keep_") else pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _page(name: str, url: str, text: str, labels: list[int], gold: str) -> dict[str, object]:
    fixed = {"dataset": "own", "licence": "CC0", "page_type": "article", "text_main": None, "keep_main": None}
    return {"page_id": name, "url": url, "site": name, "gold": gold, "text_full": text, "keep_full": labels, **fixed}


def test_a_dropped_page_counts_nothing_and_is_found_by_its_id(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    rows = [_page("p0", "", TEXTS[0], [0, 1, 0], "about rivers"), _page("p1", "", TEXTS[3], [1, 1], TEXTS[3])]
    _write_pages(tmp_path / "labelled.parquet", rows)
    for corpus, keep in (("web_one", 0.1), ("web_two", 0.9)):
        named = tuple(Page(str(row["text_full"]), keep=keep, url=None, id=str(row["page_id"])) for row in rows)
        refine_pages(lake, tmp_path / "raw", named, corpus=corpus)
    said = compared(lake, *CORPORA[:2], labelled=tmp_path / "labelled.parquet").labelled
    assert said is not None
    assert said.found == 2
    one, two = said.scores
    assert (one.kept, one.word_f1.value, one.word_f1_of_kept.value) == (0, 0.0, None)
    assert one.removed_f1 == pytest.approx(2 * 2 / (2 * 2 + 3)), "all five lines are gone, and two should be"
    assert two.kept == 2
    assert two.word_f1.value == pytest.approx((word_f1(TEXTS[0], "about rivers") + 1) / 2)


def test_documents_without_a_counterpart_are_counted_and_named(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", pages(ONE), corpus="web_one")
    changed = ("menu\nabout other rivers\nfooter", *TEXTS[1:4])
    refine_pages(lake, tmp_path / "raw", pages(TWO[:4], changed), corpus="web_two")
    found = compared(lake, *CORPORA[:2])
    assert found.documents == 3
    one, two = found.unmatched
    assert (one.corpus, one.missing_elsewhere, one.other_text) == ("web_one", 1, 1)
    assert (two.corpus, two.missing_elsewhere, two.other_text) == ("web_two", 0, 1)
    assert one.examples == ("row 0 of one.jsonl", "row 4 of one.jsonl")
    assert found.refiners[0].documents == 3


def test_other_raw_files_are_refused(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", pages(ONE), corpus="web_one")
    refine_pages(lake, tmp_path / "raw", pages(ONE, [f"other {text}" for text in TEXTS]), corpus="web_two")
    with pytest.raises(ComparisonError, match=r"different raw files.*web_one alone has row 0 of one\.jsonl"):
        compared(lake, *CORPORA[:2])
    refine_pages(lake, tmp_path / "elsewhere", pages(ONE), corpus="web_three", shard="two.jsonl")
    with pytest.raises(ComparisonError, match=r"no shard in common.*not in web_three"):
        compared(lake, "web_one", "web_three")
    with pytest.raises(ComparisonError, match="no corpus nothing"):
        compared(lake, "web_one", "nothing")


def test_shards_that_are_not_current_everywhere_are_left_out_and_named(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    shards = ("one.jsonl", "stale.jsonl", "old.jsonl", "damaged.jsonl")
    for corpus, answers in (("web_one", ONE), ("web_two", TWO)):
        for shard in shards:
            refine_pages(lake, tmp_path / shard, pages(answers), corpus=corpus, shard=shard)
    # Read again with another text, and not refined since.
    (tmp_path / "stale.jsonl" / "stale.jsonl").write_text(json.dumps({"text": "another text"}) + "\n")
    run = refine_pages(lake, tmp_path / "again", pages(TWO[:1], TEXTS[:1]), corpus="web_two", shard="again.jsonl")
    documents = table_file(lake, "web_two", Table.DOCUMENTS, "again.jsonl").read_bytes()
    table_file(lake, "web_two", Table.DOCUMENTS, "stale.jsonl").write_bytes(documents)
    as_an_earlier_release_executed_it(lake, "web_one", "old.jsonl")
    table_file(lake, "web_two", Table.OUTCOMES, "damaged.jsonl").write_bytes(b"no parquet")
    found = compared(lake, *CORPORA[:2])
    why = {shard.shard: shard.why for shard in found.left_out}
    assert sorted(why) == ["again.jsonl", "damaged.jsonl", "old.jsonl", "stale.jsonl"]
    assert "not in web_one" in why[run.shard]
    assert "is damaged" in why["damaged.jsonl"]
    assert "did not note which lines" in why["old.jsonl"]
    assert "is stale" in why["stale.jsonl"]
    assert (found.shards, found.documents) == (1, 5)


def test_a_file_that_is_damaged_inside_is_named(tmp_path: Path) -> None:
    lake = three_refiners(tmp_path)
    file = table_file(lake, "web_two", Table.REFINED, SHARD)
    data = file.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    file.write_bytes(data[:4] + bytes(len(data) - 4 - footer) + data[-footer:])
    with pytest.raises(DamagedTableError, match=r"web_two.*refined"):
        compared(lake)


@pytest.mark.parametrize("corpora", [("web_one",), ("web_one", "web_one")])
def test_a_corpus_is_compared_with_others(corpora: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        ComparisonSettings(name="x", corpora=corpora)


def test_the_sample_by_rules_and_by_lines(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    for refiner in ("rules", "lines", "keep-all"):
        refine(lake, sample_source(f"sample_{refiner.replace('-', '_')}"), refiner=refiner)
    corpora = ("sample_rules", "sample_lines", "sample_keep_all")
    found = compared(lake, *corpora)
    assert not found.left_out
    assert not found.unmatched
    assert found.shards == len(lake.shards("sample_rules", Table.DOCUMENTS))
    for summary in found.refiners:
        rows = [row for shard in lake.shards(summary.corpus, Table.OUTCOMES) for row in _metrics(lake, summary, shard)]
        assert summary.documents == sum(row["documents_in"] for row in rows)
        assert summary.characters_after == sum(row["characters_out"] for row in rows)
        assert summary.kept == sum(row["documents_out"] for row in rows)
    everything = found.refiners[2]
    assert everything.words_kept.value == pytest.approx(1.0, abs=0.01), "blank documents are dropped"
    assert everything.lines_removed == 0
    for first, second in combinations(corpora, 2):
        pair = found.pair_of[first, second]
        assert pair.first_keeps + pair.second_keeps - 2 * pair.both_keep == round(
            (1 - (pair.agreement.value or 0.0)) * pair.documents
        )
    assert found.identity == compared(lake, *corpora).identity
    assert found.identity != compared(lake, *corpora[:2]).identity


def _metrics(lake: Lake, summary: RefinerSummary, shard: str) -> list[dict[str, int]]:
    return list(lake.rows(summary.corpus, Table.SHARD_METRICS, shard))


def test_tokens_are_those_of_the_given_tokenizer(lake: Lake, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(iter(TEXTS), 300, (), 512)
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    found = compared(lake, tokenizer=str(tmp_path / "tokenizer"))
    one = found.refiners[0]

    def count(texts: Iterable[str]) -> int:
        return sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)

    kept = "about rivers", TEXTS[1], "\nabout hills\nmore hills", TEXTS[4]
    assert (one.tokens_before, one.tokens_after) == (count(TEXTS), count(kept))
    assert one.tokens_kept is not None
    assert one.tokens_kept.value == pytest.approx(count(kept) / count(TEXTS))
    cost = found.costs[0]
    assert cost.raw_tokens == pytest.approx(count(TEXTS))
    many = cost.model_copy(update={"raw_characters": 1_000_000})
    assert many.per_billion_tokens(1.0) == pytest.approx(1e9 / count(TEXTS))
    assert "tokens kept" in render(found)
