"""Asset chunk_programs: who is admitted, which rows are used again, which inputs are refused."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from prox_assets.lake.errors import MissingTableError
from prox_assets.lake.schemas import Table
from prox_assets.programs import ExecutionPolicy
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import StageError, StaleInputError
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import (
    infer,
    make_plan,
    read_shard_of,
    rows,
    with_floor,
    with_policy,
    write_pages,
)

TEXTS = [f"page {number}" for number in range(10)]


def number_of(text: str) -> int:
    return int(text.split()[1])


def scored(text: str) -> float:
    """0.0 for page 0 to 0.9 for page 9."""
    return number_of(text) / 10


def test_only_admitted_documents_are_asked_about_and_have_rows(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, refiners=with_floor(0.3), policy=ExecutionPolicy(doc_keep_threshold=0.5))
    infer(run, FakeDocuments(probability=scored))
    assert [row["source_row"] for row in rows(run, Table.CHUNK_PROGRAMS)] == [3, 4, 5, 6, 7, 8, 9]


def test_moving_the_threshold_above_the_floor_needs_no_inference(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, refiners=with_floor(0.3), policy=ExecutionPolicy(doc_keep_threshold=0.5))
    infer(run, FakeDocuments(probability=scored))
    for threshold, kept in ((0.5, 5), (0.8, 2), (0.3, 7)):
        moved = with_policy(run, doc_keep_threshold=threshold)
        chunks = FakeSession("chunk", FakeChunks())
        assert write_chunk_programs(moved, chunks).reused
        assert chunks.opened == 0
        assert refine_shard(moved).outcomes["kept_unchanged"] == kept


def test_a_threshold_below_the_floor_is_refused_by_plan_and_by_execution(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, refiners=with_floor(0.3), policy=ExecutionPolicy(doc_keep_threshold=0.5))
    infer(run, FakeDocuments(probability=scored))
    with pytest.raises(ValidationError, match=r"doc_keep_threshold 0\.2 is below the chunk refiner's chunk_floor 0\.3"):
        make_plan(tmp_path, refiners=with_floor(0.3), policy=ExecutionPolicy(doc_keep_threshold=0.2))
    lower = make_plan(tmp_path, refiners=with_floor(0.1), policy=ExecutionPolicy(doc_keep_threshold=0.2))
    with pytest.raises(StaleInputError, match=r"0\.2 is below the chunk_floor 0\.3.*materialize chunk_programs again"):
        refine_shard(replace(run, plan=lower.model_copy(update={"source": run.plan.source})))


def test_without_a_floor_of_its_own_a_low_threshold_is_the_floor(tmp_path):
    assert make_plan(tmp_path).chunk_floor == 0.5
    assert make_plan(tmp_path, policy=ExecutionPolicy(doc_keep_threshold=0.9)).chunk_floor == 0.5
    assert make_plan(tmp_path, policy=ExecutionPolicy(doc_keep_threshold=0.2)).chunk_floor == 0.2


def test_a_new_document_refiner_infers_only_the_newly_admitted(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=3)
    odd = FakeDocuments(program=lambda text: "keep_doc()" if number_of(text) % 2 else "drop_doc()")
    infer(run, odd)
    before = {row["doc_id"]: row for row in rows(run, Table.CHUNK_PROGRAMS)}
    small = FakeDocuments(program=lambda text: "keep_doc()" if number_of(text) < 6 else "drop_doc()")
    later = replace(run, run_id="run-2")
    write_document_programs(later, FakeSession("doc", small, fingerprint="small"))
    chunks = FakeSession("chunk", FakeChunks())
    summary = write_chunk_programs(later, chunks)
    after = rows(run, Table.CHUNK_PROGRAMS)
    assert [row["source_row"] for row in after] == [0, 1, 2, 3, 4, 5]
    assert len(chunks._fake.requests) == summary.documents_inferred == 3
    assert [row["run_id"] for row in after] == ["run-2", "run-1"] * 3
    assert [row for row in after if row["run_id"] == "run-1"] == [before[row["doc_id"]] for row in after[1::2]]
    assert summary.prompt_tokens == 3 * len("page 0"), "what was used again costs nothing"


def test_rows_of_a_changed_text_are_not_used_again(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    infer(run)
    write_pages(tmp_path / "pages.jsonl", ["page 0 has changed", *TEXTS[1:]])
    read_raw_shard(run)
    documents, chunks = FakeDocuments(), FakeChunks()
    infer(run, documents, chunks)
    assert len(documents.requests) == 10
    assert chunks.requests == [rows(run, Table.DOCUMENTS)[0]["doc_id"]]


def test_rows_of_another_chunk_refiner_or_of_failures_are_not_used_again(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    infer(run, chunks=FakeChunks(error=lambda text: "broken" if text == "page 4" else None))
    write_document_programs(run, FakeSession("doc", FakeDocuments(), fingerprint="other"))
    again = FakeSession("chunk", FakeChunks())
    assert write_chunk_programs(run, again).documents_inferred == 1
    other = FakeSession("chunk", FakeChunks(), fingerprint="other")
    assert write_chunk_programs(run, other).documents_inferred == 10


def test_force_infers_everything_again(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    infer(run)
    _, summary = infer(replace(run, force=True))
    assert summary.documents_inferred == 10


def test_stale_or_missing_inputs_are_refused_with_the_step_to_run(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    session = FakeSession("chunk", FakeChunks())
    with pytest.raises(MissingTableError, match=r"materialize doc_programs for 'pages\.jsonl' first"):
        write_chunk_programs(run, session)
    with pytest.raises(MissingTableError, match="materialize doc_programs"):
        refine_shard(run)
    infer(run)
    write_pages(tmp_path / "pages.jsonl", TEXTS[:5])
    read_raw_shard(run)
    with pytest.raises(StaleInputError, match="read again since doc_programs was written; materialize doc_programs"):
        write_chunk_programs(run, session)
    with pytest.raises(StaleInputError, match="materialize doc_programs and chunk_programs again"):
        refine_shard(run)
    write_document_programs(run, FakeSession("doc", FakeDocuments()))
    with pytest.raises(StaleInputError, match="materialize chunk_programs again"):
        refine_shard(run)


def test_programs_that_do_not_line_up_with_the_documents_are_an_error_that_says_so(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    write_document_programs(run, FakeSession("doc", FakeDocuments()))
    info = run.lake.require("web", Table.DOC_PROGRAMS, run.shard)
    kept = [row for row in rows(run, Table.DOC_PROGRAMS) if row["source_row"] != 3]
    stamp = run.stamp(info.fingerprint, info.identity)
    with run.lake.write("web", run.shard, [Table.DOC_PROGRAMS], stamp) as [writer]:
        writer.notes.update(info.notes)
        for row in kept:
            writer.write(row)
    with pytest.raises(StageError, match="does not line up with its documents"):
        write_chunk_programs(run, FakeSession("chunk", FakeChunks()))


def test_a_change_of_mode_needs_no_inference(tmp_path):
    answers = ["keep_doc()", "drop_doc()", "I would not drop_doc", "drop_doc()\nkeep_doc()", "drop_doc("]
    texts = [f"page {number} {'word ' * 20}" for number in range(len(answers))]
    run = read_shard_of(tmp_path, texts, policy=ExecutionPolicy(mode="reference"))
    infer(run, FakeDocuments(program=lambda text: answers[number_of(text)]))
    assert refine_shard(run).outcomes["kept_unchanged"] == 1
    strict = with_policy(run, mode="strict")
    assert write_chunk_programs(strict, FakeSession("chunk", FakeChunks())).reused
    assert refine_shard(strict).outcomes["kept_unchanged"] == 4
