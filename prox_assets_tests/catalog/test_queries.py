"""Answers to questions, against what can be counted by hand in nine pages."""

from datetime import UTC, datetime, timedelta

import pytest

from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.queries import breakdowns, comparison, counts, programs, removals
from prox_assets.catalog.queries.scope import Scope
from prox_assets.lake.schemas import Table
from prox_assets.programs import ExecutionPolicy
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.lakes import as_an_earlier_release_executed_it
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, with_floor

TEXT = sum(len(page.text) for page in PAGES)


def test_totals_add_up_by_shard_corpus_refiner_and_day(refined_lake, tmp_path):
    refine_pages(refined_lake, tmp_path / "raw", (Page("twelve chars"),), shard="two.jsonl")
    with open_catalog(refined_lake) as con:
        by_shard = counts.totals(con, "shard")
        assert by_shard["shard"].to_list() == ["one.jsonl", "two.jsonl"]
        assert by_shard["documents_in"].to_list() == [9, 1]
        assert by_shard["retention"].to_list()[1] == 1.0
        [corpus] = counts.totals(con, "corpus").to_dicts()
        [refiner] = counts.totals(con, "refiner").to_dicts()
        [day] = counts.totals(con, "day").to_dicts()
    for row in (corpus, refiner, day):
        assert (row["shards"], row["documents_in"], row["documents_out"]) == (2, 10, 8)
        assert (row["dropped_by_document"], row["dropped_by_chunks"]) == (1, 1)
        assert row["characters_in"] == TEXT + 12
        assert row["drop_rate"] == pytest.approx(0.2)
        assert row["tokens_in"] is None
    assert day["day"] == datetime.now(UTC).date()


def test_a_scope_narrows_every_question(local_lake, tmp_path):
    refine_pages(local_lake, tmp_path / "raw", (Page("Home\ntwo", "remove_lines(0, 0)"),), shard="two.jsonl")
    [fingerprint] = {row["doc_refiner"] for row in local_lake.rows("web", Table.SHARD_METRICS, "two.jsonl")}
    now = datetime.now(UTC)
    scopes = {
        Scope(shards=("two.jsonl",)): 1,
        Scope(corpora=("web",), shards=("two.jsonl",), refiner=fingerprint[:3]): 1,
        Scope(refiner="no such refiner"): 0,
        Scope(since=now + timedelta(hours=1)): 0,
        Scope(since=now - timedelta(hours=1), until=now + timedelta(hours=1)): 2,
        Scope(corpora=("other",)): 0,
    }
    with open_catalog(local_lake) as con:
        for scope, shards in scopes.items():
            assert counts.totals(con, "shard", scope).height == shards
            lines = removals.removed_lines(con, scope)
            homes = dict(zip(lines["text"], lines["documents"], strict=True)).get("Home", 0)
            assert homes == {0: 0, 1: 1, 2: 4}[shards]


def test_operations_are_counted_by_kind_and_status(refined_lake):
    with open_catalog(refined_lake) as con:
        rows = {(row["operation"], row["status"]): row for row in counts.operations(con).to_dicts()}
    assert rows["remove_lines", "applied"]["count"] == 5
    assert rows["normalize", "applied"]["count"] == 1
    assert rows["remove_lines", "out_of_range"]["count"] == 1
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)


def test_the_lines_removed_most_often_are_counted_by_document_and_site(refined_lake):
    with open_catalog(refined_lake) as con:
        rows = {row["text"]: row for row in removals.removed_lines(con).to_dicts()}
    assert set(rows) == {"Home", "Log in", "nothing left"}
    home = rows["Home"]
    assert (home["times"], home["documents"], home["sites"]) == (4, 3, 2)


def test_lines_numbered_anew_in_each_chunk_are_found_too(local_lake, tmp_path):
    """Of an earlier release's execution, the policy says how programs count lines.

    In a chunk that begins at line 2, line 0 is the document's line 2.
    """
    as_an_earlier_release_executed_it(local_lake, "web", "one.jsonl")
    with open_catalog(local_lake) as con:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE policies AS SELECT * REPLACE (replace(configuration, "
            '\'"line_numbers": "document"\', \'"line_numbers": "chunk"\') AS configuration) FROM policies'
        )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE chunk_programs AS SELECT * REPLACE (CASE WHEN source_row = 3 THEN 1 ELSE "
            "line_start END AS line_start) FROM chunk_programs"
        )
        rows = removals.removed_lines(con, Scope())
    assert "about trees" in rows["text"].to_list()


@pytest.mark.parametrize("mode", ["strict", "reference"])
def test_the_lines_that_an_earlier_release_removed_are_the_same(local_lake, tmp_path, mode):
    body = "the body of the page goes on for more than ten words so that it is long enough to stay"
    pages = (
        Page(f"Home\n{body}\nHome\n{body}", "remove_lines(start=0, end=0)\nremove_lines(start=2, end=2)"),
        Page(f"Log in\nHome\n{body}", f"remove_lines(start=0, end=1)\nremove_lines(start={-5}, end={10**9})"),
        Page(f"Home\nnothing of this page, not one of its words, stays\n{body}", "remove_lines(all=True)"),
    )
    policy = ExecutionPolicy(mode=mode, error_limit=2)
    refine_pages(local_lake, tmp_path / "again", pages, corpus="again", policy=policy)
    with open_catalog(local_lake) as con:
        said = removals.removed_lines(con, Scope(corpora=("again",)))
    as_an_earlier_release_executed_it(local_lake, "again", "one.jsonl")
    with open_catalog(local_lake) as con:
        concluded = removals.removed_lines(con, Scope(corpora=("again",)))
    assert said.to_dicts() == concluded.to_dicts() != []


def test_strings_inside_lines_are_counted(refined_lake):
    with open_catalog(refined_lake) as con:
        [row] = removals.removed_strings(con).to_dicts()
    assert (row["source"], row["target"], row["documents"], row["characters_removed"]) == (" rivers", "", 1, 7)


def test_strings_that_other_dialects_replace_in_one_line_are_counted_too(tmp_path):
    pages = {"one[1]": "replace_str(1, '[1]', '')", "two[1]": "replace_str(1, '[1]', '')", "six": "add_line(1, 1, 'x')"}
    run = read_shard_of(tmp_path, list(pages), refiners=with_floor(0.0, "ultrax"))
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: pages[text]))
    refine_shard(run)
    with open_catalog(run.lake) as con:
        [row] = removals.removed_strings(con).to_dicts()
        [none] = con.sql("SELECT count(*) FROM edits WHERE status <> 'applied'").fetchall()
    assert (row["source"], row["target"], row["documents"], row["characters_removed"]) == ("[1]", "", 2, 6)
    assert none == (0,)


def test_sites_are_hosts_without_user_port_and_www_ordered_by_what_is_left(refined_lake):
    with open_catalog(refined_lake) as con:
        rows = breakdowns.sites(con).to_dicts()
        most = breakdowns.sites(con, most_retained=True, min_documents=2).to_dicts()
    assert {row["site"] for row in rows} == {"example.org", "trees.example", None}
    shares = [row["retention"] for row in rows]
    assert shares == sorted(shares)
    assert [(row["site"], row["documents_in"], row["documents_out"]) for row in most] == [("example.org", 7, 5)]


def test_the_biggest_edits_come_first(refined_lake):
    with open_catalog(refined_lake) as con:
        rows = removals.biggest_edits(con).to_dicts()
    shares = [row["removed_share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert len(rows) == 3
    assert rows[0]["url"] is not None


def test_failed_and_looping_programs_are_counted_and_shown(refined_lake):
    with open_catalog(refined_lake) as con:
        counts = {row["problem"]: row for row in programs.bad_programs(con).to_dicts()}
        examples = programs.bad_program_examples(con).to_dicts()
    assert {problem: row["programs"] for problem, row in counts.items()} == {"failed": 2, "looping": 1}
    assert counts["failed"]["share"] == pytest.approx(2 / 8)
    shown = {(row["problem"], row["program"]) for row in examples}
    assert ("failed", "what?") in shown
    assert ("looping", "keep_chunk()\n" * 8) in shown
    assert all(row["errors"] for row in examples if row["problem"] == "failed")


def test_the_counts_of_bad_programs_are_those_of_the_metrics(refined_lake):
    [metrics] = refined_lake.rows("web", Table.SHARD_METRICS, "one.jsonl")
    with open_catalog(refined_lake) as con:
        counts = {row["problem"]: row["programs"] for row in programs.bad_programs(con).to_dicts()}
    assert counts.get("failed", 0) == metrics["programs_failed"]
    assert counts.get("looping", 0) == metrics["programs_looping"]
    assert counts.get("truncated", 0) == metrics["programs_truncated"]


def test_programs_that_were_taken_back_are_counted_and_shown(local_lake, tmp_path):
    run = refine_pages(local_lake, tmp_path / "keeping", corpus="keeping", policy=ExecutionPolicy())
    [metrics] = local_lake.rows("keeping", Table.SHARD_METRICS, run.shard)
    with open_catalog(local_lake, ["keeping"]) as con:
        counts = {row["problem"]: row["programs"] for row in programs.bad_programs(con).to_dicts()}
        shown = [
            row["program"] for row in programs.bad_program_examples(con).to_dicts() if row["problem"] == "reverted"
        ]
    assert counts["reverted"] == metrics["documents_reverted"] == 1
    assert shown == ["remove_lines(0, 0)"]


def test_errors_below_the_policys_limit_refuse_no_program(local_lake, tmp_path):
    policy = ExecutionPolicy(error_limit=2)
    run = refine_pages(local_lake, tmp_path / "lenient", corpus="lenient", policy=policy)
    [metrics] = local_lake.rows("lenient", Table.SHARD_METRICS, run.shard)
    with open_catalog(local_lake) as con:
        rows = {(row["corpus"], row["problem"]): row["programs"] for row in programs.bad_programs(con).to_dicts()}
    assert rows["web", "failed"] == 2
    assert rows.get(("lenient", "failed"), 0) == metrics["programs_failed"] == 0


def test_an_error_refuses_no_program_where_the_released_executor_forgives_it(local_lake, tmp_path):
    body = "the body of the page goes on for more than ten words so that it is long enough to stay"
    pages = (Page(f"Home\n{body}", "remove_lines(start=0, end=0)\nremove_lines(start=what)"),)
    run = refine_pages(local_lake, tmp_path / "r", pages, corpus="r", policy=ExecutionPolicy(mode="reference"))
    [metrics] = local_lake.rows("r", Table.SHARD_METRICS, run.shard)
    assert (metrics["programs_failed"], metrics["kept_edited"]) == (0, 1)
    with open_catalog(local_lake) as con:
        assert programs.bad_programs(con, Scope(corpora=("r",))).is_empty()


def test_programs_that_an_earlier_release_executed_are_counted_as_unknown(local_lake, tmp_path):
    refine_pages(local_lake, tmp_path / "two", shard="two.jsonl")
    as_an_earlier_release_executed_it(local_lake, "web", "two.jsonl")
    with open_catalog(local_lake) as con:
        counts = {row["problem"]: (row["programs"], row["share"]) for row in programs.bad_programs(con).to_dicts()}
        examples = programs.bad_program_examples(con).to_dicts()
        old = programs.bad_programs(con, Scope(shards=("two.jsonl",))).to_dicts()
    # Half of 16 are known; loops are told by the edits.
    assert counts == {"failed": (2, 2 / 8), "looping": (2, 2 / 16), "unknown verdict": (8, 8 / 16)}
    assert {row["problem"] for row in examples} == {"failed", "looping"}
    assert {row["problem"]: row["programs"] for row in old} == {"looping": 1, "unknown verdict": 8}


def test_documents_are_binned_by_keep_probability(refined_lake):
    with open_catalog(refined_lake) as con:
        rows = programs.keep_probabilities(con, bins=10).to_dicts()
    assert [(row["from_probability"], row["documents_in"], row["documents_out"]) for row in rows] == [
        (0.0, 1, 0),
        (0.6, 1, 1),
        (0.7, 2, 1),
        (0.9, 5, 5),
    ]


def test_two_refiners_are_compared_on_the_same_documents(local_lake, tmp_path):
    other = (*(Page(page.text, keep=0.9, url=page.url) for page in PAGES[:8]), Page("dropped", keep=0.01))
    refine_pages(local_lake, tmp_path / "again", other, corpus="web_two")
    with open_catalog(local_lake) as con:
        agreed = comparison.compare(con, "web", "web_two")
        rows = comparison.differences(con, "web", "web_two").to_dicts()
    assert (agreed.documents, agreed.both_keep, agreed.both_drop) == (9, 7, 1)
    assert (agreed.only_first_keeps, agreed.only_second_keeps) == (0, 1)
    assert agreed.same_text == 4
    assert agreed.agreement == pytest.approx(8 / 9)
    # By hand: observed 8/9, by chance (7 * 8 + 2 * 1) / 81.
    assert agreed.kappa == pytest.approx((8 / 9 - 58 / 81) / (1 - 58 / 81))
    assert agreed.characters_second - agreed.characters_first == sum(
        row["characters_after_second"] - row["characters_after"] for row in rows
    )
    assert rows[0]["outcome"] == "dropped_by_chunks"
    assert len(rows) == 4


def test_corpora_without_a_common_document_have_nothing_to_compare(local_lake, tmp_path):
    refine_pages(local_lake, tmp_path / "again", (Page("something else"),), corpus="web_two")
    with open_catalog(local_lake) as con:
        agreed = comparison.compare(con, "web", "web_two")
    assert (agreed.documents, agreed.agreement, agreed.kappa) == (0, 0.0, 0.0)
