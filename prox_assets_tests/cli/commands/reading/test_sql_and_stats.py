"""`prox sql`, `prox stats` and `prox catalog`: what they print, and in which formats."""

import csv
import io
import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from prox_assets.lake.lake import Lake
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.cli.command_line import one_line, prox


@pytest.fixture
def lake(tmp_path) -> Path:
    refine_pages(Lake(str(tmp_path / "lake")), tmp_path / "raw")
    return tmp_path / "lake"


QUERY = "SELECT outcome, count(*) AS documents FROM outcomes GROUP BY outcome ORDER BY outcome"
COUNTS = {"dropped_by_chunks": 1, "dropped_by_document": 1, "kept_edited": 3, "kept_unchanged": 4}


def test_rows_come_as_table_csv_json_and_parquet(lake, tmp_path):
    table = prox("sql", QUERY, "--lake", lake)
    assert [line.split() for line in table.splitlines() if "kept_edited" in line] == [["kept_edited", "3"]]
    rows = csv.DictReader(io.StringIO(prox("sql", QUERY, "--lake", lake, "--format", "csv")))
    assert {row["outcome"]: int(row["documents"]) for row in rows} == COUNTS
    found = json.loads(prox("sql", QUERY, "--lake", lake, "--format", "json"))
    assert {row["outcome"]: row["documents"] for row in found} == COUNTS
    prox("sql", QUERY, "--lake", lake, "--format", "parquet", "--output", tmp_path / "rows.parquet")
    parquet = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert {row["outcome"]: row["documents"] for row in parquet} == COUNTS


AS_THEY_ARE = """SELECT 1234567 AS number_of_documents, 0.1::DOUBLE + 0.2 AS share, NULL AS nothing, true AS yes,
12345678901234567890123456789::HUGEINT AS huge, TIMESTAMP '2026-01-02 03:04:05.678' AS moment"""


def test_sql_shows_names_and_numbers_as_they_are(lake):
    table = prox("sql", AS_THEY_ARE, "--lake", lake)
    for exact in ("number_of_documents", " 1234567", "0.30000000000000004", "NULL", "true"):
        assert exact in table
    assert "12345678901234567890123456789" in table
    assert "2026-01-02 03:04:05.678000" in table


@pytest.mark.parametrize(
    "command",
    [
        ("sql", "SELECT * FROM outcomes"),
        ("sql", "SELECT doc_id, url, outcome FROM outcomes JOIN documents USING (doc_id) LIMIT 2"),
        ("stats", "totals"),
        ("stats", "edits"),
        ("stats", "sites"),
        ("stats", "removed-lines"),
        ("stats", "operations", "--by", "shard"),
    ],
)
def test_ids_and_names_are_whole_in_a_narrow_terminal(lake, command):
    """At 80 columns a row that does not fit becomes a block: nothing that somebody copies is broken or cut."""
    [*asked] = command
    rows = json.loads(prox(*asked, "--lake", lake, "--format", "json"))
    table = prox(*asked, "--lake", lake)
    lines = table.splitlines()
    for row in rows:
        for value in row.values():
            if isinstance(value, str) and len(value.split()) == 1:
                assert any(value in line.split() for line in lines), value
    if command[0] == "sql":
        assert all(any(name in line.split() for line in lines) for name in rows[0])


def test_lists_and_structs_are_json_in_csv(lake):
    query = "SELECT operations, keep_probability_histogram FROM shard_metrics"
    [row] = csv.DictReader(io.StringIO(prox("sql", query, "--lake", lake, "--format", "csv")))
    assert {"operation", "status", "count"} == set(json.loads(row["operations"])[0])
    assert sum(json.loads(row["keep_probability_histogram"])) == len(PAGES)


def test_parquet_needs_a_file(lake):
    assert "needs --output" in prox("sql", QUERY, "--lake", lake, "--format", "parquet", expected=1)


def test_what_is_refused_is_told_in_one_line(lake):
    output = prox("sql", "COPY outcomes TO 'x'", "--lake", lake, expected=1)
    assert "only SELECT is run" in one_line(output)
    assert "Traceback" not in output


def test_what_a_terminal_would_obey_is_made_visible_in_tables(lake):
    output = prox("sql", "SELECT chr(27) || '[31mred' AS text", "--lake", lake)
    assert "\x1b[31m" not in output
    assert "red" in output


@pytest.mark.parametrize(
    "question",
    ["totals", "operations", "removed-lines", "removed-strings", "sites", "edits", "programs", "probabilities"],
)
def test_every_question_has_an_answer_in_a_table_and_in_json(lake, question):
    assert "no rows" not in prox("stats", question, "--lake", lake)
    assert json.loads(prox("stats", question, "--lake", lake, "--corpus", "web", "--format", "json"))


def test_totals_by_day_and_shard(lake):
    [day] = json.loads(prox("stats", "totals", "--by", "day", "--lake", lake, "--format", "json"))
    [shard] = json.loads(prox("stats", "totals", "--by", "shard", "--lake", lake, "--format", "json"))
    assert day["documents_in"] == shard["documents_in"] == len(PAGES)
    assert shard["shard"] == "one.jsonl"


def test_two_corpora_are_compared_in_sentences(lake, tmp_path):
    refine_pages(Lake(str(lake)), tmp_path / "raw", tuple(Page(page.text) for page in PAGES), corpus="other")
    output = one_line(prox("stats", "compare", "web", "other", "--lake", lake))
    assert "9 documents in both: 77.8% agreed on" in output
    assert "only other keeps 2" in output
    assert "two different corpora" in prox("stats", "compare", "web", "web", "--lake", lake, expected=1)
    assert "no corpus 'nope'" in one_line(prox("stats", "compare", "web", "nope", "--lake", lake, expected=1))


def test_the_catalog_is_built_and_compacted(lake):
    assert "catalog.duckdb" in prox("catalog", "build", "--lake", lake)
    with duckdb.connect(str(lake / "catalog.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM outcomes").fetchall() == [(len(PAGES),)]
    assert "document_index 9" in prox("catalog", "compact", "--lake", lake)
    assert (lake / "web" / "compacted").is_dir()


@pytest.mark.parametrize(
    "command", [("sql", "SELECT 1"), ("stats", "totals"), ("catalog", "build"), ("catalog", "compact")]
)
def test_a_lake_without_a_corpus_says_how_to_make_one(tmp_path, command):
    assert "prox refine" in one_line(prox(*command, "--lake", tmp_path / "nothing", expected=1))


def test_a_damaged_file_is_named(lake):
    (lake / "web" / "outcomes" / "one.jsonl.parquet").write_bytes(b"PAR1 not parquet PAR1")
    output = one_line(prox("stats", "edits", "--lake", lake, expected=1))
    assert "one.jsonl.parquet" in output
    assert "Traceback" not in output
