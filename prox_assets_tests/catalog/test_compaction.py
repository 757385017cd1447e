"""Compactions: copies that nobody needs, and that never show anything but the lake as it is."""

import os
import shutil
import time
from pathlib import Path

import pytest

from prox_assets.catalog.compaction import GENERATIONS_KEPT, Compacted, compact, coverage
from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.document_index import find_by_id
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.lakes import LakeFile, as_an_earlier_release_wrote_it, table_file

SMALL = tuple(what.value for what in Compacted)


def contents(lake: Lake) -> dict[str, list[str]]:
    with open_catalog(lake) as catalog:
        return {name: sorted(map(repr, catalog.sql(f"FROM {name}").fetchall())) for name in SMALL}


def settle(lake: Lake) -> None:
    """Make folders look as if nothing had changed for a while, as in a lake that nobody is writing to."""
    for what in Compacted:
        folder = Path(lake.storage.root) / "web" / what.folder
        past = time.time() - 60
        os.utime(folder, (past, past))


def test_a_compaction_changes_no_answer(refined_lake):
    before = contents(refined_lake)
    summary = compact(refined_lake, "web")
    assert summary.rows == {name: len(rows) for name, rows in before.items()}
    assert summary.shards_changed == 1
    assert contents(refined_lake) == before
    for what in Compacted:
        found = coverage(refined_lake, "web", what)
        assert found.uri is not None
        assert (found.outdated, found.fresh) == ((), ())


def test_shards_that_came_after_a_compaction_are_shown(refined_lake, tmp_path):
    compact(refined_lake, "web")
    refine_pages(refined_lake, tmp_path / "raw", (Page("a new shard"),), shard="two.jsonl")
    after = contents(refined_lake)
    shutil_free = contents_without_compaction(refined_lake)
    assert after == shutil_free
    assert len(after["shard_metrics"]) == 2
    assert compact(refined_lake, "web").shards_changed >= 1
    assert contents(refined_lake) == after


def contents_without_compaction(lake: Lake) -> dict[str, list[str]]:
    lake.storage.remove("web/compacted")
    return contents(lake)


def test_a_shard_that_was_refined_anew_shows_its_new_rows_alone(refined_lake, tmp_path):
    compact(refined_lake, "web")
    refine_pages(refined_lake, tmp_path / "raw", PAGES[:3])
    shown = contents(refined_lake)
    assert shown == contents_without_compaction(refined_lake)
    assert len(shown["document_index"]) == 3
    assert len(shown["shard_metrics_history"]) == 2


def test_a_shard_that_was_removed_is_gone_from_every_view(local_lake):
    compact(local_lake, "web")
    for what in Compacted:
        local_lake.storage.remove(f"web/{what.folder}/one.jsonl{what.suffix}")
    assert contents(local_lake) == {name: [] for name in SMALL}


def test_a_reader_keeps_its_answers_while_the_corpus_is_compacted_again(local_lake, tmp_path):
    compact(local_lake, "web")
    with open_catalog(local_lake) as catalog:
        before = catalog.sql("FROM document_index").fetchall()
        refine_pages(local_lake, tmp_path / "raw", (Page("a new shard"),), shard="two.jsonl")
        compact(local_lake, "web")
        assert sorted(catalog.sql("FROM document_index").fetchall()) == sorted(before)
    assert len(contents(local_lake)["document_index"]) == len(before) + 1


def test_old_compactions_are_removed(local_lake, tmp_path):
    for number in range(4):
        refine_pages(local_lake, tmp_path / "raw", (Page(f"page {number}"),), shard=f"{number}.jsonl")
        compact(local_lake, "web")
    files = local_lake.storage.list_files("web/compacted")
    for what in Compacted:
        own = [name for name in files if name.rpartition("-")[0].rpartition("-")[0] == what]
        assert len(own) == GENERATIONS_KEPT


def test_nothing_is_listed_where_no_folder_has_changed_since(local_lake):
    settle(local_lake)
    compact(local_lake, "web")
    for what in Compacted:
        assert coverage(local_lake, "web", what).stamps == {}
    assert compact(local_lake, "web").rows == {}


def test_a_compaction_made_right_after_a_change_is_made_once_more_to_know_the_folders_time(local_lake):
    compact(local_lake, "web")
    settle(local_lake)
    assert set(compact(local_lake, "web").rows) == set(SMALL)
    assert coverage(local_lake, "web", Compacted.DOCUMENT_INDEX).stamps == {}


def test_a_file_put_anew_with_the_same_size_and_time_is_not_taken_for_the_old_one(local_lake):
    settle(local_lake)
    compact(local_lake, "web")
    path = Path(local_lake.storage.root) / local_lake.table_path("web", Table.SHARD_METRICS, "one.jsonl")
    status = path.stat()
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert coverage(local_lake, "web", Compacted.SHARD_METRICS).outdated == ("one.jsonl",)


@pytest.mark.parametrize("compacted", [False, True])
def test_documents_are_found_by_id_in_every_shard(refined_lake, tmp_path, compacted):
    if compacted:
        compact(refined_lake, "web")
    refine_pages(refined_lake, tmp_path / "raw", (Page("a new shard"),), shard="two.jsonl")
    for shard in ("one.jsonl", "two.jsonl"):
        for row in refined_lake.rows("web", Table.DOCUMENTS, shard):
            [place] = find_by_id(refined_lake, "web", row["doc_id"])
            assert (place.shard, place.source_row) == (shard, row["source_row"])
    assert find_by_id(refined_lake, "web", "0" * 32) == []
    assert find_by_id(refined_lake, "nowhere", "0" * 32) == []


def test_a_document_whose_shard_is_gone_is_not_found(local_lake):
    compact(local_lake, "web")
    [first, *_] = local_lake.rows("web", Table.DOCUMENTS, "one.jsonl")
    local_lake.storage.remove(local_lake.table_path("web", Table.DOCUMENTS, "one.jsonl"))
    assert find_by_id(local_lake, "web", first["doc_id"]) == []


def test_metrics_of_an_earlier_release_stand_beside_those_of_this_one(local_lake, tmp_path):
    """Its columns of other names too: those of a shard's file, and those of a compaction that it left."""
    table = Table.SHARD_METRICS
    [row] = local_lake.rows("web", table, "one.jsonl", ["retention"])
    as_an_earlier_release_wrote_it(table_file(local_lake, "web", table, "one.jsonl"), table)
    compact(local_lake, "web")
    [copy] = [name for name in local_lake.storage.list_files("web/compacted") if name.startswith(f"{table}-")]
    as_an_earlier_release_wrote_it(LakeFile(local_lake, f"web/compacted/{copy}"), table)
    refine_pages(local_lake, tmp_path / "raw", (Page("a new shard"),), shard="two.jsonl")
    query = "SELECT shard, programs_no_op IS NULL, retention FROM shard_metrics ORDER BY shard"
    for _ in range(2):
        with open_catalog(local_lake) as catalog:
            assert catalog.sql(query).fetchall() == [("one.jsonl", True, row["retention"]), ("two.jsonl", False, 1.0)]
            assert catalog.sql("FROM shard_metrics").columns == SCHEMAS[table].names
        compact(local_lake, "web")
