"""Shard metrics against a small shard whose every number is counted by hand."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from prox_assets.lake.errors import ReplacedTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Outcome, Table
from prox_assets.monitoring.metrics.shard_metrics import shard_metrics
from prox_assets.monitoring.metrics.shard_tables import MEASURED, ShardTables
from prox_assets.monitoring.metrics.watched import SHARE_BINS
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.lakes import as_an_earlier_release_executed_it, table_file
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows, with_policy

# Text: program at the chunk level, keep probability at the document level.
PAGES = {
    "keep me as I am": ("keep_chunk()", 1.0),
    "menu\nthe rest stays": ("remove_lines(0, 0)", 0.5),
    "broken program\nhere": ("remove_lines(0, 0)\nremove_lines(5, 9)", 0.75),
    "unreadable": ("what?", 0.61),
    "loops": ("keep_chunk()\n" * 8, 0.99),
    "nothing left": ("remove_lines(0, 0)", 0.7),
    "dropped": ("", 0.04),
}


def refined_run(folder, **policy: int) -> ShardRun:
    run = with_policy(read_shard_of(folder, list(PAGES)), on_empty="drop", **policy)
    infer(run, FakeDocuments(probability=lambda text: PAGES[text][1]), FakeChunks(program=lambda text: PAGES[text][0]))
    refine_shard(run)
    return run


def tables_of(run: ShardRun) -> ShardTables:
    return ShardTables.of(run.lake, run.corpus, run.shard)


def test_numbers_are_those_counted_by_hand(tmp_path):
    run = refined_run(tmp_path)
    row = measure_shard(run)
    kept = ["keep me as I am", "the rest stays", "broken program\nhere", "unreadable", "loops"]
    characters_in, characters_out = sum(map(len, PAGES)), sum(map(len, kept))
    admitted = [text for text, (_, probability) in PAGES.items() if probability >= 0.5]
    expected = {
        "documents_in": 7,
        "documents_out": 5,
        "kept_unchanged": 4,
        "kept_edited": 1,
        "dropped_by_document": 1,
        "dropped_by_chunks": 1,
        "quarantined": 0,
        "rows_rejected": 0,
        "characters_in": characters_in,
        "characters_out": characters_out,
        "retention": characters_out / characters_in,
        "characters_removed": len("menu\n"),
        "lines_in": 9,
        "lines_out": 6,
        "lines_removed": 1,
        "words_in": 5 + 4 + 3 + 1 + 1 + 2 + 1,
        "words_out": 5 + 3 + 3 + 1 + 1,
        "drop_rate": 2 / 7,
        "tokens_in": None,
        "tokens_out": None,
        "chunks": 6,
        "chunks_skipped": 0,
        "programs_failed": 2,
        "programs_truncated": 0,
        "programs_looping": 1,
        "doc_prompt_tokens": characters_in,
        "doc_completion_tokens": 3 * 7,
        "chunk_prompt_tokens": sum(map(len, admitted)),
        "chunk_completion_tokens": 5 * 6,
        "doc_refiner": "fake",
        "chunk_refiner": "fake",
        "execution_fingerprint": run.plan.execution_fingerprint,
        "execution_id": run.lake.execution("web", run.shard),
    }
    assert {name: row[name] for name in expected} == expected
    assert row["documents_in"] == sum(row[outcome] for outcome in Outcome)
    counted = {(entry["operation"], entry["status"]): entry["count"] for entry in row["operations"]}
    assert counted == {
        ("keep_chunk", "no_change"): 2,
        ("keep_chunk", "duplicate"): 3,
        ("keep_chunk", "looped"): 4,
        ("remove_lines", "applied"): 2,
        ("remove_lines", "out_of_range"): 1,
        ("remove_lines", "program_rejected"): 1,
        ("unparsed", "unparsed"): 1,
    }
    assert sum(counted.values()) == len(rows(run, Table.EDITS))
    assert row["document_characters_in_quantiles"][2] == sorted(map(len, PAGES))[3]
    assert row["document_characters_out_quantiles"][2] == sorted(map(len, kept))[2]
    assert [entry["mean"] for entry in row["signals_in"] if entry["signal"] == "words"] == pytest.approx([17 / 7])
    assert row["doc_engine_seconds"] > 0
    assert row["prompt_tokens_per_second"] > 0


def test_programs_fail_by_the_error_limit_that_was_in_force(tmp_path):
    assert shard_metrics(tables_of(refined_run(tmp_path, error_limit=2)))["programs_failed"] == 0


BODY = "the body of the page goes on for more than ten words so that it is long enough to stay"
# Text: chunk program; the released executor forgives one error.
RELEASED = {
    f"menu\n{BODY} 1": "remove_lines(start=0, end=0)\nremove_lines(start=what)",
    f"menu\n{BODY} 2": "remove_lines(start=0, end=0)\nnormalize()\nnormalize()",
    f"menu\n{BODY} 3": "remove_lines(start=9, end=1)",
    f"menu\n{BODY} 4": "untouch_doc()",
}


def released_run(folder) -> ShardRun:
    run = with_policy(read_shard_of(folder, list(RELEASED)), mode="reference")
    infer(run, FakeDocuments(probability=lambda text: 1.0), FakeChunks(program=lambda text: RELEASED[text]))
    refine_shard(run)
    return run


def test_in_reference_mode_a_program_is_refused_when_the_released_executor_takes_it_back(tmp_path):
    """By `error_limit`, which is of strict mode, the first one counted as refused, and it was carried out."""
    row = measure_shard(released_run(tmp_path))
    assert (row["programs_executed"], row["programs_failed"], row["programs_no_op"]) == (4, 1, 2)
    assert row["kept_edited"] == 1


@pytest.mark.parametrize("make", [refined_run, released_run])
def test_of_a_shard_that_an_earlier_release_executed_only_the_verdicts_are_not_known(tmp_path, make):
    run = make(tmp_path)
    known = measure_shard(run)
    as_an_earlier_release_executed_it(run.lake, run.corpus, run.shard)
    row = measure_shard(replace(run, run_id="later", force=True))
    unknown = ("programs_failed", "programs_executed", "programs_no_op", "documents_reverted")
    assert {name: row[name] for name in unknown} == dict.fromkeys(unknown)
    changing = (*unknown, "measured_at", "run_id")
    assert {name: row[name] for name in row if name not in changing} == {
        name: known[name] for name in known if name not in changing
    }


def test_verdicts_of_another_execution_say_nothing_of_the_published_one(tmp_path):
    """An earlier release that executes a shard anew leaves the file of chunk_outcomes as it was."""
    run = refined_run(tmp_path)
    file = table_file(run.lake, run.corpus, Table.CHUNK_OUTCOMES, run.shard)
    before = file.read_bytes()
    refine_shard(replace(run, force=True))
    file.write_bytes(before)
    assert measure_shard(run)["programs_failed"] is None


def test_keep_probabilities_fall_into_their_bins(tmp_path):
    counts = measure_shard(refined_run(tmp_path))["keep_probability_histogram"]
    assert len(counts) == SHARE_BINS
    assert {number: count for number, count in enumerate(counts) if count} == {0: 1, 10: 1, 12: 1, 14: 1, 15: 1, 19: 2}


def test_what_is_no_probability_is_in_no_bin(tmp_path):
    run = read_shard_of(tmp_path, ["a", "b", "c"])
    infer(run, FakeDocuments(probability=lambda text: float("nan") if text == "a" else 0.5))
    refine_shard(run)
    assert sum(measure_shard(run)["keep_probability_histogram"]) == 2


def test_there_is_no_histogram_where_nothing_was_scored(tmp_path):
    run = read_shard_of(tmp_path, ["a"])
    infer(run)
    refine_shard(run)
    assert measure_shard(run)["keep_probability_histogram"] is None


def test_a_shard_without_documents_is_measured(tmp_path):
    run = read_shard_of(tmp_path, [])
    infer(run)
    refine_shard(run)
    row = measure_shard(run)
    assert (row["documents_in"], row["characters_in"], row["retention"], row["drop_rate"]) == (
        0,
        0,
        None,
        None,
    )
    assert (row["signals_in"], row["document_characters_in_quantiles"], row["operations"]) == ([], None, [])


def test_tokens_pass_the_range_of_32_bits(tmp_path):
    run = read_shard_of(tmp_path, ["a", "b"])
    infer(run)
    info = run.lake.require("web", Table.DOC_PROGRAMS, run.shard)
    written = rows(run, Table.DOC_PROGRAMS)
    with run.lake.write("web", run.shard, [Table.DOC_PROGRAMS], run.stamp(info.fingerprint, info.identity)) as [writer]:
        writer.notes.update(info.notes)
        for row in written:
            writer.write({**row, "prompt_tokens": 2**31 - 1})
    refine_shard(run)
    assert measure_shard(run)["doc_prompt_tokens"] == 2 * (2**31 - 1)


def test_tokens_are_counted_by_the_given_tokenizer(tmp_path):
    run = refined_run(tmp_path)
    metrics = shard_metrics(tables_of(run), lambda texts: [len(text.split()) for text in texts])
    assert (metrics["tokens_in"], metrics["tokens_out"]) == (metrics["words_in"], metrics["words_out"])


def test_the_latest_row_is_replaced_and_the_history_grows(tmp_path):
    run = refined_run(tmp_path)
    first = measure_shard(run)
    refine_shard(replace(run, force=True))
    second = measure_shard(replace(run, run_id="run-2"))
    assert [row["run_id"] for row in rows(run, Table.SHARD_METRICS)] == ["run-2"]
    history = rows(run, Table.SHARD_METRICS_HISTORY)
    assert [row["execution_id"] for row in history] == [first["execution_id"], second["execution_id"]]
    assert list(history[0]) == SCHEMAS[Table.SHARD_METRICS_HISTORY].names
    assert history[0]["operations"] == first["operations"]


def test_every_file_is_read_once(tmp_path, monkeypatch):
    run = refined_run(tmp_path)
    read: Counter[Table] = Counter()
    frames = Lake.frames

    def counted(lake: Lake, corpus: str, table: Table, *rest: Any) -> Iterator[pl.DataFrame]:
        read[table] += 1
        return frames(lake, corpus, table, *rest)

    monkeypatch.setattr(Lake, "frames", counted)
    monkeypatch.setattr(Lake, "scan", None)  # nothing else reads rows
    metrics = shard_metrics(tables_of(run), lambda texts: [1 for _ in texts])
    assert metrics["tokens_in"] == 7
    assert read == dict.fromkeys([*MEASURED, Table.CHUNK_OUTCOMES], 1)


def test_a_file_that_is_replaced_while_it_is_measured_is_told(tmp_path):
    run = refined_run(tmp_path)
    tables = tables_of(run)
    refine_shard(with_policy(run, min_kept_share=0.9))
    with pytest.raises(ReplacedTableError, match="of shard 'pages\\.jsonl' was replaced by run"):
        shard_metrics(tables)
