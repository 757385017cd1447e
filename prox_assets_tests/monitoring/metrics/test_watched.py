"""The watched columns of a small refined shard, counted by hand; and rows that an earlier release wrote."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from prox_assets.lake.schemas import ADDED_COLUMNS, SCHEMAS, Table
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.monitoring.metrics.shard_metrics import shard_metrics
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.monitoring.metrics.watched import LENGTH_BINS, OPERATION_BINS, SHARE_BINS, prompted_of, repetition_of
from prox_assets.programs import ExecutionPolicy
from prox_assets.programs.policy import OnEmpty
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.lakes import as_an_earlier_release_wrote_it, table_file
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer, read_pages, read_shard_of, with_floor

LONG = "a long line that is the rest of the page and stays"
SHARED = "the shared line of a site"
# Text: its chunk program. Every one is kept at the document level but "dropped".
PAGES = {
    LONG: "keep_chunk()",
    f"{SHARED}\n{LONG} 1": "remove_lines(0, 0)",
    f"{SHARED}\n{LONG} 2": "keep_chunk()",
    f"{SHARED}\n{LONG} 3": "remove_lines(5, 9)",
    f"{LONG}, all of it\nno": "remove_lines(0, 0)",
    "gone": "remove_lines(0, 0)",
    "dropped": "",
}


def refined_run(folder: Path, on_empty: OnEmpty = "drop", **changes: Any) -> ShardRun:
    run = read_shard_of(folder, list(PAGES), policy=ExecutionPolicy(on_empty=on_empty))
    documents = FakeDocuments(probability=lambda text: 0.1 if text == "dropped" else 0.9)
    infer(run, documents, FakeChunks(program=lambda text: PAGES[text], **changes))
    refine_shard(run)
    return run


def filled(histogram: list[int]) -> dict[int, int]:
    return {number: count for number, count in enumerate(histogram) if count}


def test_watched_columns_are_those_counted_by_hand(tmp_path: Path) -> None:
    row = measure_shard(refined_run(tmp_path))
    edited = f"{SHARED}\n{LONG} 1"
    share = (len(edited) - len(SHARED) - 1) / len(edited)
    assert len(row["retention_histogram"]) == len(row["removed_fraction_histogram"]) == SHARE_BINS
    # Three stay whole, one loses its first line; "no" is less than a twentieth, so that page and "gone" are dropped.
    assert filled(row["retention_histogram"]) == {0: 3, int(share * 20): 1, 19: 3}
    assert filled(row["removed_fraction_histogram"]) == {0: 3, int((1 - share) * 20): 1}
    assert len(row["length_histogram"]) == LENGTH_BINS
    assert filled(row["length_histogram"]) == {3: 2, 6: 1, 7: 4}  # 4-7, 32-63, 64-127 characters
    assert len(row["operations_histogram"]) == OPERATION_BINS
    assert filled(row["operations_histogram"]) == {0: 3, 1: 3}
    assert (row["documents_executed"], row["documents_over_deleted"], row["documents_reverted"]) == (6, 2, 0)
    assert (row["programs_executed"], row["programs_no_op"]) == (6, 2)  # the refused one is no no-op
    # The fakes count characters as tokens.
    whole = sum(map(len, PAGES))
    assert row["doc_prompted"] == {"documents": 7, "tokens": whole, "characters": whole, "residual": 0.0}
    assert row["chunk_prompted"]["documents"] == 6
    assert row["documents_by_language"] == [{"language": "english", "count": 5}, {"language": "unknown", "count": 2}]
    # Of four documents, two have SHARED; all of the other lines are their own.
    assert (row["repetition_documents"], row["repetition_lines"]) == (4, 6)
    assert row["repetition_expected"] == pytest.approx(2 * (1 - (1 - 1 / 3) ** 29))
    assert row["metadata_keys"] == ["url"]


def test_documents_that_the_policy_keeps_from_being_emptied_are_counted(tmp_path: Path) -> None:
    row = measure_shard(refined_run(tmp_path, on_empty="keep"))
    assert (row["documents_executed"], row["documents_over_deleted"], row["documents_reverted"]) == (6, 2, 2)
    assert (row["kept_unchanged"], row["dropped_by_chunks"], row["drop_rate"]) == (5, 0, pytest.approx(1 / 7))
    assert filled(row["retention_histogram"]) == {0: 1, 13: 1, 19: 5}
    assert (row["programs_executed"], row["programs_no_op"], row["programs_failed"]) == (6, 2, 1)


def test_a_document_that_its_refiner_judges_worthless_is_not_emptied_by_accident(tmp_path: Path) -> None:
    pages = {f"{LONG} 1": "remove_all()", f"{SHARED}\n{LONG}": "remove_lines(1, 2)", f"{LONG} 3": "keep_all()"}
    policy = ExecutionPolicy(on_empty="drop")
    run = read_shard_of(tmp_path, list(pages), refiners=with_floor(0.0, "ultrax"), policy=policy)
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: pages[text]))
    refine_shard(run)
    row = shard_metrics(ShardTables.of(run.lake, run.corpus, run.shard))
    assert (row["dropped_by_chunks"], row["documents_executed"], row["documents_over_deleted"]) == (2, 3, 1)
    counts = {(each["operation"], each["status"]): each["count"] for each in row["operations"]}
    assert counts == {("keep_chunk", "no_change"): 1, ("remove_all", "applied"): 1, ("remove_lines", "applied"): 1}


def test_an_answer_that_was_cut_off_is_no_no_op(tmp_path: Path) -> None:
    row = measure_shard(refined_run(tmp_path, finish_reason="length"))
    assert (row["programs_executed"], row["programs_no_op"], row["programs_truncated"]) == (6, 0, 6)
    assert row["programs_failed"] == 6  # keep_chunk() too: nothing of what was cut off is carried out


def test_a_shard_without_documents_has_empty_histograms(tmp_path: Path) -> None:
    run = read_shard_of(tmp_path, [])
    infer(run)
    refine_shard(run)
    row = measure_shard(run)
    assert sum(row["retention_histogram"]) == row["programs_executed"] == row["repetition_lines"] == 0
    assert (row["doc_prompted"], row["documents_by_language"], row["repetition_residual"]) == (None, [], 0.0)


def test_metrics_of_an_earlier_release_are_read_and_their_history_is_kept(tmp_path: Path) -> None:
    run = refined_run(tmp_path)
    measured = measure_shard(run)
    for table in ADDED_COLUMNS:
        as_an_earlier_release_wrote_it(table_file(run.lake, run.corpus, table, run.shard), table)
    [row] = run.lake.rows(run.corpus, Table.SHARD_METRICS, run.shard)
    assert row["documents_in"] == 7
    assert row["metadata_keys"] is None
    assert row["retention"] == measured["retention"] > 0
    [scanned] = arrivals(run.lake, run.corpus, DriftSettings())
    assert scanned == row
    columns = ["shard", "programs_no_op", "retention"]
    [part] = run.lake.rows(run.corpus, Table.SHARD_METRICS, run.shard, columns)
    assert part == {"shard": run.shard, "programs_no_op": None, "retention": row["retention"]}
    info = run.lake.require(run.corpus, Table.SHARD_METRICS, run.shard)
    [frame] = run.lake.frames(run.corpus, Table.SHARD_METRICS, run.shard, columns, info.identity)
    assert frame.to_dicts() == [part]
    assert run.lake.scan(run.corpus, Table.SHARD_METRICS).select(columns).collect().to_dicts() == [part]

    measure_shard(replace(run, run_id="later", force=True))

    old, new = run.lake.rows(run.corpus, Table.SHARD_METRICS_HISTORY, run.shard)
    assert (old["programs_no_op"], new["programs_no_op"]) == (None, 2)
    assert old["retention"] == new["retention"] == row["retention"]
    names = SCHEMAS[Table.SHARD_METRICS].names
    assert run.lake.scan(run.corpus, Table.SHARD_METRICS_HISTORY).collect().columns == names


def test_metrics_of_a_later_release_are_read_without_the_columns_that_it_added(tmp_path: Path) -> None:
    run = refined_run(tmp_path)
    row = measure_shard(run)
    file = table_file(run.lake, run.corpus, Table.SHARD_METRICS, run.shard)
    file.write_table(file.read_table().append_column("added_later", pa.array([1])))
    [scanned] = run.lake.scan(run.corpus, Table.SHARD_METRICS).collect().to_dicts()
    assert "added_later" not in scanned
    assert scanned["documents_in"] == row["documents_in"]


def test_a_key_that_few_rows_have_is_no_column(tmp_path: Path) -> None:
    pages = tmp_path / "pages.jsonl"
    pages.write_text("".join(f'{{"text": "page {n}", "language": "en", "odd{n}": 1}}\n' for n in range(5)))
    run = read_pages(tmp_path, pages)
    infer(run)
    refine_shard(run)
    assert measure_shard(run)["metadata_keys"] == ["language"]


def test_rows_in_any_order_give_the_same_repetition_to_the_last_bit() -> None:
    """A resumed shard's metrics differed from an undisturbed one's in the last bit of a sum."""
    chance = random.Random(1)
    lines = [f"a line number {number} that some pages share with others" for number in range(60)]
    pages = [
        {"doc_id": f"{number:04x}", "text": "\n".join(chance.sample(lines, chance.randint(3, 40)))}
        for number in range(300)
    ]
    found = {repr(repetition_of(pl.LazyFrame(chance.sample(pages, len(pages))))) for _ in range(10)}
    assert len(found) == 1


def test_rows_in_any_order_give_the_same_prompts_to_the_last_bit() -> None:
    """As with the lines: a backfill with kills differed from an undisturbed run in the last bit of a residual."""
    chance = random.Random(1)
    prompts = [
        {"doc_id": f"{number:04x}", "tokens": chance.randint(1, 3000), "whole": True, "characters_before": length}
        for number, length in enumerate(chance.choices(range(1, 9000), k=300))
    ]
    found = set()
    for _ in range(10):
        frame = pl.LazyFrame(chance.sample(prompts, len(prompts)))
        found.add(repr(prompted_of(frame.select("doc_id", "tokens", "whole"), frame)))
    assert len(found) == 1
