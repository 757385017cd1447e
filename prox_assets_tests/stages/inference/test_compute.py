"""What inference costs is on record: attempts that succeed, fail, or are killed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC
from functools import cached_property
from time import sleep, time
from typing import Any

import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.connection import open_catalog
from prox_assets.compute.parameters import Parameters
from prox_assets.engines.protocol import EngineError
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records import appended
from prox_assets.lake.records.compute import KILLED, fold_compute, proof_folder, record_attempt
from prox_assets.lake.resume import ResumeLedger, WindowCost
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.machine.processor import processor
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.fake_refiners import FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import KEY, infer, read_pages, read_shard_of

TEXTS = [f"page {number}" for number in range(10)]
TOKENS = sum(map(len, TEXTS))


class Sized(FakeSession):
    """A session with a model of a thousand parameters."""

    @cached_property
    def parameters(self) -> Parameters:
        return Parameters(1500, 1000)


def accounts(lake: Lake) -> list[dict[str, Any]]:
    with open_catalog(lake) as catalog:
        return catalog.sql("FROM compute ORDER BY started_at").pl().to_dicts()


def test_every_attempt_at_a_shard_has_a_row(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    write_document_programs(run, Sized("doc", FakeDocuments(), "fingerprint"))
    write_document_programs(run, Sized("doc", FakeDocuments(), "fingerprint"))  # current: nothing is attempted
    [row] = accounts(run.lake)
    assert (row["corpus"], row["shard"], row["stage"], row["refiner"]) == (
        "web",
        run.shard,
        "doc_programs",
        "fingerprint",
    )
    assert (row["prompt_tokens"], row["generated_tokens"]) == (TOKENS, 3 * len(TEXTS))
    assert row["flops"] == 2 * 1000 * (TOKENS + 3 * len(TEXTS))
    assert (row["parameters"], row["parameters_without_embeddings"]) == (1500, 1000)
    assert (row["succeeded"], row["error"], row["run_id"], row["devices"]) == (True, None, "run-1", 1)
    assert 0 <= row["engine_seconds"] <= row["seconds"]
    assert row["started_at"].astimezone(UTC) <= row["recorded_at"].astimezone(UTC)
    assert len(run.lake.shards("web", Table.COMPUTE)) == 1


def test_without_a_model_there_is_time_and_no_operations(tmp_path):
    run = read_shard_of(tmp_path, TEXTS)
    infer(run)
    assert [(row["stage"], row["flops"], row["parameters"]) for row in accounts(run.lake)] == [
        ("doc_programs", 0.0, 0),
        ("chunk_programs", 0.0, 0),
    ]


def test_a_failed_attempt_counts_what_it_has_spent_and_the_next_one_only_its_own(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=4)

    def dies(text: str) -> None:
        if text == TEXTS[6]:
            raise EngineError("the engine\n died")

    with pytest.raises(EngineError):
        write_document_programs(run, Sized("doc", FakeDocuments(error=dies)))
    write_document_programs(replace(run, run_id="run-2"), Sized("doc", FakeDocuments()))
    failed, done = accounts(run.lake)
    assert (failed["succeeded"], failed["error"]) == (False, "EngineError: the engine died")
    assert failed["prompt_tokens"] == sum(map(len, TEXTS[:6]))  # two of them were lost with their window
    assert (done["succeeded"], done["prompt_tokens"]) == (True, sum(map(len, TEXTS[4:])))
    info = run.lake.require("web", Table.DOC_PROGRAMS, run.shard)
    assert info.notes["prompt_tokens"] == TOKENS


SLOW = """
import sys
from pathlib import Path
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets_tests.stages.fake_refiners import FakeDocuments
from prox_assets_tests.stages.inference.test_compute import TEXTS, Sized
from prox_assets_tests.stages.shard_runs import read_shard_of
run = read_shard_of(Path(sys.argv[1]), TEXTS, "killed", window_documents=2)
write_document_programs(run, Sized("doc", FakeDocuments(delay=0.2)))
"""


@pytest.mark.local_lake
def test_a_killed_attempt_leaves_its_row_and_its_finished_windows_count(tmp_path):
    victim = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)])
    windows, deadline = tmp_path / "lake" / "_resume", time() + 60
    while len(list(windows.rglob("0*.parquet"))) < 2 and time() < deadline:
        sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    finished = len(list(windows.rglob("0*.parquet")))
    [row] = accounts(Lake(str(tmp_path / "lake")))
    assert (row["succeeded"], row["seconds"], row["run_id"]) == (None, None, "killed")
    run = read_pages(tmp_path, tmp_path / KEY, "run-2", window_documents=2)
    write_document_programs(run, Sized("doc", FakeDocuments()))
    killed, done = accounts(run.lake)
    assert (killed["succeeded"], killed["error"], killed["run_id"]) == (False, KILLED, "killed")
    assert killed["prompt_tokens"] == sum(map(len, TEXTS[: 2 * finished]))
    assert killed["flops"] == 2000 * (killed["prompt_tokens"] + killed["generated_tokens"])
    assert killed["seconds"] > 0.2
    assert killed["prompt_tokens"] + done["prompt_tokens"] == TOKENS


@pytest.mark.local_lake
def test_windows_that_are_of_no_use_any_more_count_all_the_same(tmp_path):
    run = read_shard_of(tmp_path, TEXTS, window_documents=2)
    with record_attempt(
        run.lake, "web", "doc_programs", run.shard, run_id="r", model="m", device=processor(1), parameters=None
    ) as running:
        ledger = ResumeLedger(run.lake, "web", Table.DOC_PROGRAMS, run.shard, "another", 2, {})
        ledger.write_window(0, [], WindowCost(2.0, 30, 4, running.name))
        ledger.write_window(1, [], WindowCost(3.0, 40, 5, running.name))
        write_document_programs(run, FakeSession("doc", FakeDocuments()))
        killed, _ = accounts(run.lake)
    assert (killed["seconds"], killed["prompt_tokens"], killed["generated_tokens"]) == (5.0, 70, 9)
    assert (killed["flops"], killed["error"]) == (None, KILLED)
    alive, _ = accounts(run.lake)
    assert (alive["succeeded"], alive["prompt_tokens"]) == (
        True,
        0,
    )  # not dead after all: its own word counts


def attempts(lake: Lake, folder: str, number: int, **given: Any) -> None:
    for _ in range(number):
        parameters = given.get("parameters", Parameters(10, 10))
        with record_attempt(
            lake, folder, "s", "a", run_id="r", model="m", device=processor(2), parameters=parameters
        ) as attempt:
            attempt.training_tokens += 7
            attempt.trained_parameters = given.get("trained")


def test_folding_keeps_every_row_and_leaves_alone_what_has_not_ended(tmp_path, monkeypatch):
    lake = lake_at(tmp_path)
    monkeypatch.setattr(appended, "FOLD_FROM", 5)
    attempts(lake, "web", 4)
    with record_attempt(lake, "web", "s", "b", run_id="r", model="m", device=processor(2), parameters=None):
        assert fold_compute(lake, "web") == 0
        attempts(lake, "web", 1)
        compact(lake, "web")
        assert len(lake.shards("web", Table.COMPUTE)) == 2
        assert [row["succeeded"] for row in accounts(lake)] == [True] * 4 + [None, True]
    assert sorted(str(row["flops"]) for row in accounts(lake)) == ["420.0"] * 5 + ["None"]


def test_trainings_of_a_proof_are_in_the_same_view(tmp_path):
    lake = lake_at(tmp_path)
    attempts(lake, proof_folder("pages"), 1, trained=2)
    assert lake.corpora() == []
    [row] = accounts(lake)
    assert (row["corpus"], row["training_tokens"], row["flops"]) == ("pages", 7, (4 * 10 + 2 * 2) * 7)


def test_accounts_that_cannot_be_written_do_not_stop_the_work(tmp_path, monkeypatch):
    lake = lake_at(tmp_path)

    def full(*_: Any) -> None:
        raise LakeError("the disk is full")

    monkeypatch.setattr(Storage, "new_files", full)
    attempts(lake, "web", 1)
    assert accounts(lake) == []
