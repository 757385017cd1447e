"""Queries that somebody typed: what they may do, and where they stop."""

import os
from pathlib import Path

import pytest

from prox_assets.catalog.guarded import QueryError, QueryLimits, run_select
from prox_assets.lake.errors import LakeError
from prox_assets_tests.lakes import lake_at


@pytest.mark.parametrize(
    "query",
    [
        "SELECT outcome, count(*) FROM outcomes GROUP BY outcome",
        "FROM documents",
        "WITH kept AS (FROM refined) SELECT count(*) FROM kept",
        "VALUES (1), (2)",
        "DESCRIBE edits",
        "SUMMARIZE shard_metrics",
        "SELECT 1;",
        "-- a comment\nSELECT 1",
        "SELECT d.doc_id FROM document_index d JOIN manifests m USING (corpus, shard)",
    ],
)
def test_selects_are_run(refined_lake, query):
    assert run_select(refined_lake, query).num_rows > 0


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("CREATE MACRO m() AS 1", "CREATE"),
        ("INSERT INTO outcomes SELECT * FROM outcomes", "INSERT"),
        ("DELETE FROM outcomes", "DELETE"),
        ("UPDATE outcomes SET outcome = ''", "UPDATE"),
        ("DROP VIEW outcomes", "DROP"),
        ("COPY outcomes TO 'out.csv'", "COPY"),
        ("EXPORT DATABASE 'out'", "EXPORT"),
        ("ATTACH 'other.duckdb'", "ATTACH"),
        ("DETACH memory", "DETACH"),
        ("INSTALL httpfs", "LOAD"),
        ("LOAD httpfs", "LOAD"),
        ("SET memory_limit = '100GB'", "SET"),
        ("RESET memory_limit", "SET"),
        ("PRAGMA database_size", "PRAGMA"),
        ("CALL duckdb_settings()", "CALL"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN"),
        ("BEGIN", "TRANSACTION"),
        ("USE memory", "SET"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
    ],
)
def test_every_other_statement_is_refused_by_name(local_lake, query, kind):
    with pytest.raises(QueryError, match=f"only SELECT is run.*this is {kind}"):
        run_select(local_lake, query)


@pytest.mark.parametrize("query", ["", ";", "SELECT 1; SELECT 2", "SELECT 1; COPY (SELECT 1) TO 'x'"])
def test_one_statement_is_run_at_a_time(local_lake, query):
    with pytest.raises(QueryError, match="one SELECT"):
        run_select(local_lake, query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM read_blob('{outside}')",
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM '{outside}'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_text('{lake}/../secret.csv')",
        "SELECT * FROM read_text('{lake}-secret.csv')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "SELECT (SELECT content FROM read_text('{outside}'))",
        "SELECT * FROM query('SELECT * FROM read_text(''{outside}'')')",
    ],
)
def test_no_file_outside_the_lake_is_read(local_lake, tmp_path, query):
    outside = tmp_path / "secret.csv"
    outside.write_text("secret")
    Path(f"{local_lake.storage.root}-secret.csv").write_text("secret")
    with pytest.raises(QueryError, match="a query may read the lake and nothing else"):
        run_select(local_lake, query.format(outside=outside, folder=tmp_path, lake=local_lake.storage.root))


def test_environment_variables_are_out_of_reach(local_lake, monkeypatch):
    monkeypatch.setenv("PROX_TEST_VALUE", "out of reach")
    with pytest.raises(QueryError, match="getenv"):
        run_select(local_lake, "SELECT getenv('PROX_TEST_VALUE')")
    assert os.environ["PROX_TEST_VALUE"] == "out of reach"


def test_a_query_that_takes_too_long_is_stopped(local_lake):
    with pytest.raises(QueryError, match=r"longer than 0\.5 seconds"):
        run_select(
            local_lake, "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7", LIMITS
        )


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ("error('too late')", "too late"),
        ("CAST('x' || range AS INTEGER)", "Could not convert"),
        (
            "(SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = t.range)",
            "longer than",
        ),
    ],
)
def test_what_goes_wrong_after_the_first_rows_is_told_in_the_same_words(local_lake, late, said):
    """Arrow's reader made an OSError of it, which nobody expected."""
    query = f"SELECT CASE WHEN range < 500000 THEN 1 ELSE {late} END FROM range(1000000) t"  # noqa: S608
    with pytest.raises(QueryError, match=said):
        run_select(local_lake, query, QueryLimits(seconds=5, rows=10_000_000))


LIMITS = QueryLimits(seconds=0.5)


def test_a_query_that_needs_too_much_memory_is_stopped_and_nothing_is_spilled(local_lake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(QueryError, match="more than 100MB of memory"):
        run_select(local_lake, "SELECT list(range) FROM range(1000000000)", QueryLimits(memory="100MB"))
    assert set(tmp_path.rglob("*")) == before


def test_more_rows_than_allowed_are_an_error_not_a_silent_cut(local_lake):
    assert run_select(local_lake, "FROM range(10)", QueryLimits(rows=10)).num_rows == 10
    with pytest.raises(QueryError, match="more than 10 rows"):
        run_select(local_lake, "FROM range(11)", QueryLimits(rows=10))


def test_mistakes_are_told_in_duckdbs_words(local_lake):
    with pytest.raises(QueryError, match="syntax error"):
        run_select(local_lake, "SELEC 1")
    with pytest.raises(QueryError, match="nonsense"):
        run_select(local_lake, "SELECT nonsense FROM outcomes")


def test_a_lake_without_a_corpus_says_how_to_make_one(tmp_path):
    with pytest.raises(LakeError, match="prox refine"):
        run_select(lake_at(tmp_path / "nothing"), "SELECT 1")
