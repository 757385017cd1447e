"""Finding a document by id, URL or text."""

from dataclasses import replace

import pytest

from prox_assets.catalog.lookup import FoundBy, find_documents, places_of_id
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import TEXTS, all_fates, damage, place_of
from prox_assets_tests.lake.rows import write_rows
from prox_assets_tests.lakes import lake_at


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> ShardRun:
    return all_fates(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize("shard", [None, "pages.jsonl"])
@pytest.mark.parametrize("name", TEXTS)
def test_every_document_is_found_by_its_id(run, name, shard):
    place = place_of(run, name)
    assert places_of_id(run.lake, place.doc_id, shard=shard) == [place]


def test_an_unknown_id_has_no_place(run):
    assert places_of_id(run.lake, "0" * 32) == []
    assert places_of_id(run.lake, "' OR 1=1 --") == []
    assert places_of_id(run.lake, place_of(run, "kept").doc_id, shard="another") == []


@pytest.mark.parametrize("shard", [None, "pages.jsonl"])
@pytest.mark.parametrize(
    ("wanted", "name", "found_by"),
    [
        ("https://example.org/1", "edited", FoundBy.URL),
        ("The finish.", "edited", FoundBy.REFINED_TEXT),
        ("spam spam", "doc-dropped", FoundBy.RAW_TEXT),
        # A citation mark stands in between in the raw text.
        ("  A page with a menu. \n", "edited", FoundBy.REFINED_TEXT),
        ("share\nThe end", "edited", FoundBy.RAW_TEXT),
        ("xample.org/3", "emptied", FoundBy.URL),
        ("<script>alert('text')", "hostile", FoundBy.REFINED_TEXT),
    ],
)
def test_a_document_is_found_by_url_or_text(run, wanted, name, found_by, shard):
    hits = find_documents(run.lake, wanted, shard=shard)
    assert [(hit.place, hit.found_by) for hit in hits] == [(place_of(run, name), found_by)]


def test_text_that_several_documents_hold_finds_them_in_order_up_to_a_limit(run):
    hits = find_documents(run.lake, "menu")
    rows = [hit.place.source_row for hit in hits]
    assert len(rows) > 2
    assert rows == sorted(rows)
    assert find_documents(run.lake, "menu", limit=2) == hits[:2]


def test_nothing_to_look_for_is_refused(run):
    with pytest.raises(ValueError, match="nothing to look for"):
        find_documents(run.lake, " \n")


def test_wildcards_are_taken_literally(run):
    assert find_documents(run.lake, "%") == []
    assert find_documents(run.lake, "https://example.org/_") == []


def test_only_the_corpora_named_are_searched(run):
    assert find_documents(run.lake, "spam spam", corpora=["web"])
    assert find_documents(run.lake, "spam spam", corpora=[]) == []


def test_a_damaged_file_is_named_with_its_remedy_and_the_other_shards_can_still_be_searched(tmp_path):
    run = all_fates(tmp_path)
    other = Lake(run.lake.url)
    with other.write("web", "other", [Table.DOCUMENTS], run.stamp("f", "i")) as [writer]:
        writer.write(
            {
                "doc_id": "d" * 32,
                "source_row": 0,
                "text": "another page",
                "url": None,
                "source_file": "other",
                "metadata": None,
                "text_hash": "",
            }
        )
    path = damage(run, Table.DOCUMENTS)
    with pytest.raises(LakeError, match=rf"{path} is damaged.*run raw_shards again"):
        places_of_id(run.lake, "d" * 32)
    [place] = places_of_id(run.lake, "d" * 32, shard="other")
    assert place.shard == "other"


def test_a_document_cut_into_shards_in_two_ways_has_two_places(tmp_path):
    run = all_fates(tmp_path)
    place = place_of(run, "kept")
    with run.lake.write("web", "pages.jsonl@0-5", [Table.DOCUMENTS], run.stamp("f", "i")) as [writer]:
        writer.write(next(run.lake.rows("web", Table.DOCUMENTS, run.shard)) | {"shard": "pages.jsonl@0-5"})
    assert places_of_id(run.lake, place.doc_id) == [place, replace(place, shard="pages.jsonl@0-5")]


def test_an_empty_lake_and_one_that_was_only_read_have_nothing_refined(tmp_path):
    lake = lake_at(tmp_path / "lake")
    assert find_documents(lake, "text") == []
    write_rows(lake, Table.DOCUMENTS, "a", 3)
    assert [hit.found_by for hit in find_documents(lake, "text 2")] == [FoundBy.RAW_TEXT]
