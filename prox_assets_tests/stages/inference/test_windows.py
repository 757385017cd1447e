"""Windowed inference: any order, failing documents, failing engines, no model loaded for nothing, flat memory."""

import tracemalloc
from dataclasses import replace

import pytest

from prox_assets.engines.protocol import EngineError
from prox_assets.lake.schemas import Table
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.inference.windows import FAILURES_PER_PASS
from prox_assets.stages.run import InferenceFailedError
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows

TEXTS = [f"page {number}" for number in range(25)]


def test_results_in_any_order_become_rows_in_the_order_of_the_source(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=4)
    first, second = infer(run, FakeDocuments(look_ahead=11), FakeChunks(look_ahead=7))
    for table in (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS):
        assert [row["source_row"] for row in rows(run, table)] == list(range(25))
    documents = {row["doc_id"]: row["text_hash"] for row in rows(run, Table.DOCUMENTS)}
    assert {row["doc_id"]: row["text_hash"] for row in rows(run, Table.DOC_PROGRAMS)} == documents
    assert (first.documents, first.rows, first.documents_inferred, first.failed) == (25, 25, 25, 0)
    assert (second.documents, second.rows, second.documents_inferred) == (25, 25, 25)
    assert first.prompt_tokens == sum(map(len, TEXTS))


def test_progress_reaches_the_total(tmp_path):
    seen: list[tuple[int, int]] = []
    run = replace(
        read_shard_of(tmp_path, TEXTS, window_documents=10), progress=lambda done, total: seen.append((done, total))
    )
    write_document_programs(run, FakeSession("doc", FakeDocuments()))
    assert seen == [(10, 25), (20, 25), (25, 25)]


def test_a_current_file_is_not_inferred_again_unless_forced(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    session = FakeSession("doc", FakeDocuments())
    done = write_document_programs(run, session)
    again = write_document_programs(run, session)
    assert again == replace(done, reused=True, documents_inferred=0)
    assert session.opened == 1
    assert not write_document_programs(replace(run, force=True), session).reused
    assert len(session._fake.requests) == 50


def test_another_refiner_infers_again(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    write_document_programs(run, FakeSession("doc", FakeDocuments()))
    other = FakeSession("doc", FakeDocuments(program=lambda text: "drop_doc()"), fingerprint="other")
    assert not write_document_programs(run, other).reused
    assert {row["program"] for row in rows(run, Table.DOC_PROGRAMS)} == {"drop_doc()"}
    assert {row["refiner"] for row in rows(run, Table.DOC_PROGRAMS)} == {"other"}


def test_a_document_that_keeps_failing_is_tried_again_and_recorded_with_its_error(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=4, request_attempts=3)
    documents = FakeDocuments(look_ahead=5, error=lambda text: "too long" if text == "page 7" else None)
    summary = write_document_programs(run, FakeSession("doc", documents))
    bad = rows(run, Table.DOC_PROGRAMS)[7]
    assert (bad["error"], bad["finish_reason"], bad["program"]) == ("too long", "error", None)
    assert documents.requests.count(bad["doc_id"]) == 3
    assert (summary.failed, summary.documents_inferred) == (1, 24)


def test_a_document_that_fails_once_is_fine(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=4)
    failed: set[str] = set()

    def once(text: str) -> str | None:
        return None if text in failed else (failed.add(text) or "timeout")

    summary = write_document_programs(run, FakeSession("doc", FakeDocuments(error=once)))
    assert (summary.failed, summary.rows) == (0, 25)


def test_a_failed_document_at_the_chunk_level_has_one_row_that_covers_it(tmp_path):
    run = read_shard_of(tmp_path, ["one\ntwo\nthree", *TEXTS])
    _, summary = infer(run, chunks=FakeChunks(error=lambda text: "broken" if "three" in text else None))
    [row] = [row for row in rows(run, Table.CHUNK_PROGRAMS) if row["error"]]
    assert (row["line_start"], row["line_end"], row["error"], row["finish_reason"]) == (0, 2, "broken", "error")
    assert summary.failed == 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_refiner_that_always_fails_stops_the_stage_with_its_own_words(tmp_path, attempts):
    run = read_shard_of(tmp_path, TEXTS, request_attempts=attempts)
    documents = FakeDocuments(error=lambda text: "401 unauthorized")
    with pytest.raises(InferenceFailedError, match=rf"25 of 25, {attempts} attempts each.*401 unauthorized"):
        write_document_programs(run, FakeSession("doc", documents))
    assert len(documents.requests) == 25 * attempts
    assert run.lake.info("web", Table.DOC_PROGRAMS, run.shard) is None


def test_a_refiner_that_begins_to_fail_midway_does_not_quarantine_the_rest(tmp_path):
    run = read_shard_of(tmp_path, [f"page {number}" for number in range(400)], window_documents=20)
    documents = FakeDocuments(error=lambda text: "500" if int(text.split()[1]) >= 40 else None)
    with pytest.raises(InferenceFailedError, match="500"):
        write_document_programs(run, FakeSession("doc", documents))
    assert len(set(documents.requests)) <= 40 + 2 * FAILURES_PER_PASS + 2, "it does not ask for everything first"


def test_a_shard_of_a_few_bad_documents_is_recorded_as_such(tmp_path):
    run = read_shard_of(tmp_path, TEXTS[:3])
    summary = write_document_programs(run, FakeSession("doc", FakeDocuments(error=lambda text: "too long")))
    assert summary.failed == 3


def test_many_failing_documents_end_the_pass_but_not_the_shard(tmp_path):
    run = read_shard_of(tmp_path, [f"page {number}" for number in range(600)], window_documents=50)
    documents = FakeDocuments(look_ahead=8, error=lambda text: "odd" if int(text.split()[1]) % 2 else None)
    summary = write_document_programs(run, FakeSession("doc", documents))
    assert (summary.rows, summary.failed, summary.documents_inferred) == (600, 300, 300)
    assert [row["source_row"] for row in rows(run, Table.DOC_PROGRAMS)] == list(range(600))


class DyingDocuments(FakeDocuments):
    def write_programs(self, documents):
        for number, result in enumerate(super().write_programs(documents)):
            if number == 13:
                raise EngineError("the engine died")
            yield result


def test_a_dead_engine_keeps_the_finished_windows_and_is_not_used_again(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=4)
    dying = FakeSession("doc", DyingDocuments())
    with pytest.raises(EngineError, match="died"):
        write_document_programs(run, dying)
    assert dying.closed == 1
    healthy = FakeSession("doc", FakeDocuments())
    summary = write_document_programs(run, healthy)
    assert (summary.windows_resumed, summary.documents_inferred) == (3, 13)
    assert healthy.closed == 0


class ForgetfulDocuments(FakeDocuments):
    def write_programs(self, documents):
        return (result for number, result in enumerate(super().write_programs(documents)) if number != 3)


def test_a_refiner_that_forgets_a_document_is_told(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    with pytest.raises(InferenceFailedError, match="gave no answer for 1 documents"):
        write_document_programs(run, FakeSession("doc", ForgetfulDocuments()))


def test_no_model_is_loaded_when_nothing_must_be_inferred(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    write_document_programs(run, FakeSession("doc", FakeDocuments(program=lambda text: "drop_doc()")))
    chunks = FakeSession("chunk", FakeChunks())
    assert write_chunk_programs(run, chunks).rows == 0
    assert chunks.opened == 0


def test_a_shard_without_documents_has_empty_tables(tmp_path):
    run = read_shard_of(tmp_path, [])
    first, second = infer(run)
    assert (first.documents, first.rows, second.rows) == (0, 0, 0)


def test_loading_the_model_is_not_counted_as_engine_time(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    session = FakeSession("doc", FakeDocuments(delay=0.01), load_seconds=1.0)
    assert 0.2 <= write_document_programs(run, session).engine_seconds < 0.9


class Forgetting(list[str]):
    """In place of the fake's record of requests, which would grow."""

    def append(self, _: str) -> None:
        return


def test_memory_does_not_grow_with_the_shard(tmp_path):
    def peak(count: int) -> int:
        run = read_shard_of(tmp_path / str(count), [f"page {number} " + "x" * 2_000 for number in range(count)])
        tracemalloc.start()
        infer(
            run, FakeDocuments(look_ahead=64, requests=Forgetting()), FakeChunks(look_ahead=64, requests=Forgetting())
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # Four times the documents; what is left to vary is how reading and collecting garbage happen to coincide.
    assert peak(4_000) < 2 * peak(1_000)
