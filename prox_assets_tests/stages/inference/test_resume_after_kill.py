"""kill -9 in the middle of inference: the next run goes on where the killed one was, to the same rows."""

import os
import signal
import subprocess
import sys
import time

import pytest

from prox_assets.lake.schemas import Table
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.running.slow_stage import WINDOW, chunk_answer, doc_answer
from prox_assets_tests.stages.shard_runs import read_shard_of, rows

TEXTS = [f"menu\npage {number} " + "x" * number for number in range(95)]
RUN_COLUMNS = ("run_id", "code_version")


def kill_when_windows_are_finished(folder, level: str, table: Table, log, windows: int) -> None:
    command = [
        sys.executable,
        "-m",
        "prox_assets_tests.stages.running.slow_stage",
        level,
        str(folder),
        str(log),
        "0.01",
    ]
    with subprocess.Popen(command) as worker:
        deadline = time.monotonic() + 60
        while len(list(folder.glob(f"lake/_resume/web/{table}/*/*/*.parquet"))) < windows:
            assert worker.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(worker.pid, signal.SIGKILL)


@pytest.mark.local_lake  # lake/test_kill_on_s3.py does the same on an object store
@pytest.mark.parametrize("level", ["doc", "chunk"])
def test_finished_windows_are_not_inferred_again_and_rows_are_those_of_an_undisturbed_run(tmp_path, level):
    table = Table.DOC_PROGRAMS if level == "doc" else Table.CHUNK_PROGRAMS

    def sessions() -> tuple[FakeSession, FakeSession]:
        return (
            FakeSession("doc", FakeDocuments(look_ahead=4, program=doc_answer, log=tmp_path / "doc.log")),
            FakeSession("chunk", FakeChunks(look_ahead=4, program=chunk_answer, log=tmp_path / "chunk.log")),
        )

    calm = read_shard_of(tmp_path / "calm", TEXTS, window_documents=WINDOW)
    disturbed = read_shard_of(tmp_path / "disturbed", TEXTS, window_documents=WINDOW)
    documents, chunks = sessions()
    write_document_programs(calm, documents)
    write_chunk_programs(calm, chunks)
    if level == "chunk":
        write_document_programs(disturbed, sessions()[0])
    log = tmp_path / "killed.log"
    kill_when_windows_are_finished(tmp_path / "disturbed", level, table, log, 4)
    before = set(log.read_text().split())
    finished = len(list(tmp_path.glob(f"disturbed/lake/_resume/web/{table}/*/*/*.parquet")))
    assert disturbed.lake.info("web", table, disturbed.shard) is None, "nothing unfinished is visible"

    documents, chunks = sessions()
    session, write = (documents, write_document_programs) if level == "doc" else (chunks, write_chunk_programs)
    summary = write(disturbed, session)

    asked = set(session._fake.requests)
    known = {row["doc_id"] for row in rows(disturbed, Table.DOCUMENTS)[: finished * WINDOW]}
    assert summary.windows_resumed == finished >= 4
    assert asked.isdisjoint(known)
    assert len(session._fake.requests) == len(asked) == summary.documents_inferred
    assert asked & before <= before - known, "only what the killed run had not finished is asked twice"
    assert rows(disturbed, table, without=RUN_COLUMNS) == rows(calm, table, without=RUN_COLUMNS)
    assert {row["run_id"] for row in rows(disturbed, table)} == {"killed-run", "run-1"}
    assert not disturbed.lake.storage.exists(f"_resume/web/{table}/{disturbed.shard}")


def test_a_kill_between_publishing_and_tidying_up_costs_nothing_and_leaves_nothing(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    session = FakeSession("doc", FakeDocuments())
    write_document_programs(run, session)
    run.lake.storage.write_bytes(f"_resume/web/doc_programs/{run.shard}/abc/ledger.json", b'{"window_documents": 10}')
    assert write_document_programs(run, session).reused
    assert session.opened == 1
    assert not run.lake.storage.exists(f"_resume/web/doc_programs/{run.shard}")
