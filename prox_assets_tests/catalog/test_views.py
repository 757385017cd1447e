"""The catalog's views against the lake's own rows."""

import duckdb
import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.connection import ask_catalog, open_catalog
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import ADDED_COLUMNS, SCHEMAS, Table
from prox_assets.lake.table_files import FileStamp
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lake.rows import sample_row, write_rows
from prox_assets_tests.lakes import as_an_earlier_release_wrote_it, lake_at, table_file


@pytest.mark.parametrize("table", list(Table))
def test_a_view_shows_the_rows_of_its_table(refined_lake, table):
    # A file of attempts is named by its time, not by its shard.
    names = refined_lake.shards("web", table) if table is Table.COMPUTE else ["one.jsonl"]
    wanted = [row for name in names for row in refined_lake.rows("web", table, name)]
    order = " ORDER BY recorded_at" if table is Table.COMPUTE else ""
    with open_catalog(refined_lake) as catalog:
        shown = catalog.sql(f"FROM {table}{order}").to_arrow_table().to_pylist()
    assert shown == wanted
    assert wanted or table in (Table.REJECTS, Table.JUDGEMENTS)


@pytest.mark.parametrize("table", list(Table))
def test_a_table_that_has_no_file_is_empty_and_has_the_right_columns(tmp_path, refined_lake, table):
    def columns(lake: Lake) -> list[tuple[str, str]]:
        with open_catalog(lake) as catalog:
            return [row[:2] for row in catalog.sql(f"DESCRIBE {table}").fetchall()]

    assert columns(Lake(str(tmp_path / "nothing"))) == columns(refined_lake)
    assert [name for name, _ in columns(refined_lake)] == SCHEMAS[table].names


@pytest.mark.parametrize("old", [("a",), ("b",), ("a", "b")])
def test_files_of_an_earlier_release_have_null_where_a_column_was_added(tmp_path, old):
    lake = lake_at(tmp_path / "lake")
    for shard in "ab":
        write_rows(lake, Table.DOC_PROGRAMS, shard, 3)
    wanted = [row for shard in "ab" for row in lake.rows("pages", Table.DOC_PROGRAMS, shard)]
    assert all(row["skip_reason"] is not None for row in wanted)
    for shard in old:
        as_an_earlier_release_wrote_it(table_file(lake, "pages", Table.DOC_PROGRAMS, shard), Table.DOC_PROGRAMS)
    nulls = dict.fromkeys(ADDED_COLUMNS[Table.DOC_PROGRAMS])
    wanted = [{**row, **nulls} if row["shard"] in old else row for row in wanted]
    assert [row for shard in "ab" for row in lake.rows("pages", Table.DOC_PROGRAMS, shard)] == wanted
    assert lake.scan("pages", Table.DOC_PROGRAMS).collect().to_dicts() == wanted
    for row in wanted:
        found = lake.rows_of_document("pages", Table.DOC_PROGRAMS, row["shard"], row["source_row"])
        assert found == [row]
    with open_catalog(lake) as catalog:
        assert catalog.sql("FROM doc_programs ORDER BY shard, source_row").to_arrow_table().to_pylist() == wanted


def test_rows_of_an_execution_that_was_never_published_are_not_shown(local_lake):
    published = list(local_lake.rows("web", Table.OUTCOMES, "one.jsonl"))
    assert published
    stamp = FileStamp("f", "i", "run-2", "1.0", "an execution that was killed before its manifest")
    with local_lake.write("web", "one.jsonl", [Table.OUTCOMES], stamp) as [writer]:
        writer.write(sample_row(Table.OUTCOMES, 1))
    with open_catalog(local_lake) as catalog:
        assert catalog.sql("FROM outcomes").fetchall() == []
        assert len(catalog.sql("FROM refined").fetchall()) > 0


def test_views_cover_the_corpora_that_were_asked_for(local_lake, tmp_path):
    refine_pages(local_lake, tmp_path / "more", (Page("another"),), corpus="other", shard="two.jsonl")

    def corpora(wanted: list[str] | None) -> list[str]:
        with open_catalog(local_lake, wanted) as catalog:
            return [name for [name] in catalog.sql("SELECT DISTINCT corpus FROM documents ORDER BY 1").fetchall()]

    assert corpora(None) == ["other", "web"]
    assert corpora(["other"]) == ["other"]
    assert corpora([]) == []


def test_manifests_name_the_published_execution_of_each_shard(refined_lake):
    with open_catalog(refined_lake) as catalog:
        [row] = catalog.sql("SELECT corpus, shard, execution_id FROM manifests").fetchall()
    assert row == ("web", "one.jsonl", refined_lake.execution("web", "one.jsonl"))


def test_names_in_a_query_are_never_python_variables(local_lake):
    secret = [1, 2, 3]
    with open_catalog(local_lake) as catalog, pytest.raises(duckdb.CatalogException):
        catalog.sql("FROM secret").fetchall()
    assert secret


def test_a_lake_in_a_folder_with_quotes_and_wildcards_is_read(tmp_path):
    lake = Lake(str(tmp_path / "it's [one] of * lakes?"))
    refine_pages(lake, tmp_path / "raw")
    for compacted in (False, True):
        if compacted:
            compact(lake, "web")
        with open_catalog(lake) as catalog:
            for name in ("outcomes", "manifests", "shard_metrics", "document_index"):
                assert catalog.sql(f"FROM {name}").fetchall(), name


def test_a_question_that_failed_on_a_file_being_replaced_is_asked_again(tmp_path):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.DOC_PROGRAMS, "a", 3000)
    path = table_file(lake, "pages", Table.DOC_PROGRAMS, "a")
    whole = path.read_bytes()
    rows = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    asked: list[int] = []

    def count(catalog: duckdb.DuckDBPyConnection) -> int:
        asked.append(1)
        # A footer whose rows are those of another file: what a reader meets between two openings.
        path.write_bytes(whole if len(asked) > 1 else bytes(rows) + whole[rows:])
        return len(catalog.sql("SELECT program FROM doc_programs").fetchall())

    assert ask_catalog(lake, count) == 3000
    assert len(asked) == 2


def test_a_question_that_makes_no_sense_is_asked_once(tmp_path):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.DOC_PROGRAMS, "a", 3)
    asked: list[int] = []

    def ask(catalog: duckdb.DuckDBPyConnection) -> None:
        asked.append(1)
        catalog.execute("SELECT no_such_column FROM doc_programs")

    with pytest.raises(duckdb.BinderException, match="no_such_column"):
        ask_catalog(lake, ask)
    assert len(asked) == 1
