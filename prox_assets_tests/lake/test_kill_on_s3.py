"""kill -9 in the middle of inference into an object store: the next run goes on where the killed one was."""

import os
import signal
import subprocess
import sys
import time

import pytest
from s3fs import S3FileSystem

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.stages.fake_refiners import FakeDocuments, FakeSession
from prox_assets_tests.stages.running.slow_stage import WINDOW, doc_answer
from prox_assets_tests.stages.shard_runs import KEY, infer, make_plan, read_shard_of, rows, write_pages

TEXTS = [f"menu\npage {number} " + "x" * number for number in range(60)]
RUN_COLUMNS = ("run_id", "code_version")


@pytest.fixture
def plain_s3_lake(s3_lake: Lake, s3_endpoint: str, monkeypatch) -> Lake:
    """The same lake, opened by its URL alone: the endpoint is in the environment, as a child process needs it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    # Clients are shared within a process, with the endpoint that they were made with.
    S3FileSystem.clear_instance_cache()
    return Lake(s3_lake.url)


def windows(lake: Lake) -> int:
    folder = f"_resume/web/{Table.DOC_PROGRAMS}/{KEY}"
    return sum(
        name.endswith(".parquet")
        for identity in lake.storage.list_folders(folder)
        for name in lake.storage.list_files(f"{folder}/{identity}")
    )


def test_finished_windows_are_taken_over_and_the_rows_are_those_of_an_undisturbed_run(plain_s3_lake, tmp_path):
    calm = read_shard_of(tmp_path / "calm", TEXTS, window_documents=WINDOW)
    infer(calm, FakeDocuments(look_ahead=4, program=doc_answer))

    pages = write_pages(tmp_path / KEY, TEXTS)
    plan = make_plan(pages, window_documents=WINDOW)
    discover_shards(plain_s3_lake, plan, "run-1")
    run = ShardRun(plain_s3_lake, plan, KEY, "run-1")
    read_raw_shard(run)
    command = [sys.executable, "-m", "prox_assets_tests.stages.running.slow_stage", "doc", str(tmp_path)]
    with subprocess.Popen([*command, str(tmp_path / "log"), "0.05", plain_s3_lake.url]) as worker:
        deadline = time.monotonic() + 120
        while windows(plain_s3_lake) < 2:
            assert worker.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(worker.pid, signal.SIGKILL)
    finished = windows(plain_s3_lake)
    assert plain_s3_lake.info("web", Table.DOC_PROGRAMS, KEY) is None, "nothing unfinished is visible"
    assert plain_s3_lake.storage.exists("_leases"), "the dead holder's lease is still there"

    summary = write_document_programs(run, FakeSession("doc", FakeDocuments(look_ahead=4, program=doc_answer)))

    assert summary.windows_resumed == finished >= 2
    assert summary.documents_inferred == len(TEXTS) - finished * WINDOW
    assert rows(run, Table.DOC_PROGRAMS, without=RUN_COLUMNS) == rows(calm, Table.DOC_PROGRAMS, without=RUN_COLUMNS)
    assert not plain_s3_lake.storage.exists("_resume")
    assert not plain_s3_lake.storage.exists("_leases")
