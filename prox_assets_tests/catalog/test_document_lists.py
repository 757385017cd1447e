"""Lists and samples of documents over several shards: pages join without gaps, whatever stops a page."""

from collections import Counter

import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.document_lists import DocumentList, draw_documents, list_differences, list_documents
from prox_assets.catalog.queries.documents import ANY, Position, Wanted
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.shard_runs import with_policy

SHARDS = [f"{letter}.jsonl" for letter in "abcdefg"]
DROPPED = Wanted((Outcome.DROPPED_BY_DOCUMENT,))


def pages(shard: str) -> tuple[Page, ...]:
    """Four pages; only shards c and f hold one that is dropped."""
    dropped = (Page(f"dropped in {shard}", keep=0.1),) if shard[0] in "cf" else ()
    edited = Page(f"menu\ntext {shard}", "remove_lines(0, 0)", url=f"https://{shard[0]}.example/x")
    return (Page(f"one {shard}"), edited, Page(f"two {shard}", keep=0.6), *dropped)


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    folder = tmp_path_factory.mktemp("listed")
    lake = lake_at(folder / "lake")
    for shard in SHARDS:
        refine_pages(lake, folder / "raw" / shard, pages(shard), shard=shard)
    for shard in SHARDS[1:4]:
        kept = tuple(Page(page.text, url=page.url) for page in pages(shard))
        refine_pages(lake, folder / "raw" / shard, kept, shard=shard, corpus="web_two")
    return lake


def all_pages(ask) -> tuple[list[tuple[str, int]], list[DocumentList]]:
    """Follow a list to its end, which must come."""
    found: list[tuple[str, int]] = []
    lists = [ask(None)]
    while True:
        found += [(row["shard"], row["source_row"]) for row in lists[-1].rows]
        if lists[-1].after is None:
            return found, lists
        assert len(lists) < 100
        lists.append(ask(lists[-1].after))


def everything(lake: Lake) -> list[tuple[str, int]]:
    return [(shard, row["source_row"]) for shard in SHARDS for row in lake.rows("web", Table.DOCUMENTS, shard)]


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 50])
@pytest.mark.parametrize("seconds", [0.0, 100.0])
def test_pages_hold_every_document_once_in_order(lake, limit, seconds):
    found, lists = all_pages(lambda after: list_documents(lake, "web", ANY, after, limit=limit, seconds=seconds))
    assert found == everything(lake)
    assert all(len(page.rows) <= limit for page in lists)
    assert [page.left for page in lists] == sorted((page.left for page in lists), reverse=True)
    assert lists[-1].left == 0


def test_documents_begin_with_what_is_left_of_them(lake):
    rows = list_documents(lake, "web", seconds=100.0).rows
    begins = {row["doc_id"]: row["opening"] for row in rows}
    for shard in SHARDS:
        for row in lake.rows("web", Table.REFINED, shard):
            assert begins[row["doc_id"]] == row["text"]
    [dropped] = [row for row in rows if row["opening"] == "dropped in c.jsonl"]
    assert dropped["outcome"] == "dropped_by_document"


def test_shards_that_hold_no_match_are_not_opened(lake):
    found = list_documents(lake, "web", DROPPED, seconds=100)
    assert [row["shard"] for row in found.rows] == ["c.jsonl", "f.jsonl"]
    assert (found.searched, found.after, found.left) == (2, None, 0)
    one_by_one, lists = all_pages(lambda after: list_documents(lake, "web", DROPPED, after, seconds=0))
    assert [shard for shard, _ in one_by_one] == ["c.jsonl", "f.jsonl"]
    assert len(lists) == 2


def test_a_search_that_finds_nothing_ends(lake):
    found, lists = all_pages(lambda after: list_documents(lake, "web", Wanted(text="nowhere"), after, seconds=0))
    assert found == []
    assert [page.searched for page in lists] == [1] * len(SHARDS)
    assert list_documents(lake, "web", only=["b.jsonl"]).searched == 1
    assert list_documents(lake, "web", only=[]).rows == ()


def test_a_page_may_begin_anywhere(lake):
    after = list_documents(lake, "web", after=Position("c.jsonl", 2), seconds=100)
    assert [(row["shard"], row["source_row"]) for row in after.rows] == [
        place for place in everything(lake) if place > ("c.jsonl", 2)
    ]
    assert list_documents(lake, "web", after=Position("z", -1)).rows == ()


def test_metrics_of_an_earlier_execution_do_not_hide_a_shard(tmp_path):
    lake = lake_at(tmp_path / "lake")
    run = refine_pages(lake, tmp_path / "raw", pages("a.jsonl"), shard="a.jsonl")
    assert list_documents(lake, "web", DROPPED).rows == ()
    refine_shard(with_policy(run, doc_keep_threshold=0.7))
    assert len(list_documents(lake, "web", DROPPED).rows) == 1


def test_a_compacted_corpus_is_listed_alike(tmp_path):
    lake = lake_at(tmp_path / "lake")
    for shard in SHARDS[:3]:
        refine_pages(lake, tmp_path / "raw" / shard, pages(shard), shard=shard)
    before = [list_documents(lake, "web", wanted, seconds=100).rows for wanted in (ANY, DROPPED)]
    compact(lake, "web")
    assert [list_documents(lake, "web", wanted, seconds=100).rows for wanted in (ANY, DROPPED)] == before


@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_sample_holds_different_documents_and_comes_again(lake, count):
    drawn = draw_documents(lake, "web", ANY, "seed", count)
    assert draw_documents(lake, "web", ANY, "seed", count) == drawn
    assert len({place.doc_id for place in drawn}) == len(drawn) <= count
    assert {(place.shard, place.source_row) for place in drawn} <= set(everything(lake))
    if count > 1:
        assert draw_documents(lake, "web", ANY, "another seed", count) != drawn


def test_a_sample_of_few_finds_them(lake):
    drawn = draw_documents(lake, "web", DROPPED, "seed", 20)
    assert {place.shard for place in drawn} == {"c.jsonl", "f.jsonl"}
    assert draw_documents(lake, "web", Wanted(site="nowhere.example"), "seed", 20) == []
    assert draw_documents(lake, "web", DROPPED, "seed", 20, only=["a.jsonl"]) == []


def test_samples_favour_no_document(lake):
    """Over many seeds every document is drawn about as often: at most twelve of 23 documents, fifteen times."""
    times = Counter(
        place.doc_id for seed in range(15) for place in draw_documents(lake, "web", ANY, f"seed {seed}", 12)
    )
    assert len(times) == len(everything(lake))
    assert max(times.values()) <= 14


def test_differences_of_two_corpora_are_listed_once_in_order(lake):
    edited = [(shard, 1) for shard in SHARDS[1:4]]
    dropped = [("c.jsonl", 3)]
    for seconds in (0.0, 100.0):
        found, _ = all_pages(lambda after, s=seconds: list_differences(lake, "web", "web_two", after, seconds=s))
        assert found == sorted([*edited, *dropped])
        only, _ = all_pages(
            lambda after, s=seconds: list_differences(lake, "web", "web_two", after, only_one_keeps=True, seconds=s)
        )
        assert only == dropped
    assert list_differences(lake, "web", "web").rows == ()
