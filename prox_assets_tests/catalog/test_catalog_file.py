"""catalog.duckdb, as another DuckDB client sees it."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from prox_assets.catalog.compaction import Compacted
from prox_assets.catalog.file import TEXT_TABLES, write_catalog
from prox_assets.lake.errors import LakeError
from prox_assets.lake.records.proofs import SELECTOR_SCORES, ProofTable
from prox_assets.lake.schemas import ADDED_COLUMNS, Table
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages

NAMES = {*map(str, Table), *map(str, Compacted), *map(str, ProofTable), SELECTOR_SCORES}
READ = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as con:
    print(con.sql("SELECT count(*) FROM outcomes").fetchall()[0][0])
"""


def test_another_process_opens_it_read_only_and_sees_the_rows(local_lake, tmp_path):
    path = write_catalog(local_lake, tmp_path / "catalog.duckdb")
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "9"


def test_the_views_of_a_local_lake_show_shards_that_come_later(local_lake, tmp_path):
    path = write_catalog(local_lake, tmp_path / "catalog.duckdb")
    refine_pages(local_lake, tmp_path / "raw", (Page("a new shard"),), shard="two.jsonl")
    with duckdb.connect(str(path), read_only=True) as con:
        for name in ("documents", "outcomes", "shard_metrics", "document_index", "manifests"):
            assert sorted(set(con.table(name).project("shard").fetchall())) == [
                ("one.jsonl",),
                ("two.jsonl",),
            ]


@pytest.mark.local_lake
def test_making_it_opens_one_shard_of_a_table(local_lake, tmp_path):
    refine_pages(local_lake, tmp_path / "raw", (Page("a new shard"),), shard="two.jsonl")
    for table in ADDED_COLUMNS:
        Path(local_lake.storage.path(local_lake.table_path("web", table, "two.jsonl"))).write_bytes(b"no parquet")
    with duckdb.connect(str(write_catalog(local_lake, tmp_path / "catalog.duckdb")), read_only=True) as con:
        for table in ADDED_COLUMNS:
            with pytest.raises(duckdb.Error, match="two"):
                con.table(table).fetchall()


def test_it_is_replaced_while_a_reader_has_it_open(local_lake, tmp_path):
    path = write_catalog(local_lake, tmp_path / "catalog.duckdb")
    with duckdb.connect(str(path), read_only=True) as con:
        again = write_catalog(local_lake, path)
        assert con.sql("SELECT count(*) FROM outcomes").fetchall() == [(9,)]
    assert again == path
    assert [file.name for file in tmp_path.glob("*catalog*")] == ["catalog.duckdb"]


def test_it_has_every_view(local_lake, tmp_path):
    with duckdb.connect(str(write_catalog(local_lake, tmp_path / "catalog.duckdb")), read_only=True) as con:
        assert {
            name for [name] in con.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        } == NAMES


@pytest.mark.parametrize("texts", [False, True])
def test_the_catalog_of_an_object_store_holds_tables_and_texts_where_wanted(s3_lake, tmp_path, texts):
    refine_pages(s3_lake, tmp_path / "raw")
    path = write_catalog(s3_lake, tmp_path / "catalog.duckdb", texts=texts)
    s3_lake.storage.remove("web")  # the file stands alone
    with duckdb.connect(str(path), read_only=True) as con:
        names = {name for [name] in con.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert names == (NAMES if texts else NAMES - set(map(str, TEXT_TABLES)))
        assert con.sql("SELECT count(*) FROM outcomes").fetchall() == [(9,)]


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(local_lake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot write the catalog"):
        write_catalog(local_lake, Path(tmp_path / "file" / "catalog.duckdb"))
