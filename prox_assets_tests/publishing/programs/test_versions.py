"""Versions of programs: what is the same stays the same bytes, what was withdrawn is gone, what is damaged is named."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.lake.schemas import Table
from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.forget import documents_of, forget_documents
from prox_assets.publishing.programs.write import write_programs
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import all_fates, scored
from prox_assets_tests.publishing.programs.applying.test_other_originals import corpus_of
from prox_assets_tests.publishing.programs.sets import in_lake, out_of, refined, same, written
from prox_assets_tests.stages.shard_runs import KEY, rows, with_policy


def test_another_run_gives_equal_bytes_and_another_policy_only_what_it_changes(tmp_path):
    run = scored(tmp_path, line_keep_threshold=0.7)
    first = written(run.lake, run.corpus)
    refine_shard(ShardRun(run.lake, run.plan, run.shard, "run-2", force=True))
    again = written(run.lake, run.corpus, "again")
    assert again.file(KEY) == first.file(KEY)
    assert again.manifest == first.manifest
    refine_shard(with_policy(run, dialect="line-labels", line_keep_threshold=0.5))
    other = written(run.lake, run.corpus, "other")
    before, after = first.rows(), other.rows()
    assert [one == another for one, another in zip(before, after, strict=True)] == [False, True, True]


@pytest.mark.local_lake
def test_a_new_version_leaves_files_of_unchanged_shards_alone(tmp_path):
    lake, programs = corpus_of(tmp_path)
    paths = [f"{programs.folder.root}/web/{shard.file}" for shard in programs.manifest.shards]
    before = [Path(path).stat().st_ino for path in paths]
    assert written(lake, "web").manifest == programs.manifest
    assert [Path(path).stat().st_ino for path in paths] == before


def test_a_withdrawn_document_is_in_no_later_version(tmp_path):
    lake, programs = corpus_of(tmp_path)
    before = programs.rows()
    first = before[0]
    remember(lake, Withdrawal(WithdrawnBy.URL, first["url"], "asked to"))
    again = written(lake, "web")
    assert first["doc_id"] not in {row["doc_id"] for row in again.rows()}
    left_out = sum(shard.left_out.get("withdrawn", 0) for shard in again.manifest.shards)
    assert left_out == sum(row["url"] == first["url"] for row in before) == 10 - len(again.rows())
    applied = again.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.without_program) == (10 - left_out, left_out)


def test_documents_are_forgotten_and_checksums_are_put_right_also_after_a_kill(tmp_path):
    lake, programs = corpus_of(tmp_path)
    [frame, _] = documents_of(programs.folder)
    assert frame.columns == ["corpus", "shard", "doc_id", "url", "text_hash"]
    gone = frame["doc_id"][2]
    whole = programs.manifest
    assert forget_documents(programs.folder, [gone]) == 1
    assert gone not in {row["doc_id"] for row in programs.rows()}
    whole.write(programs.folder, "web")  # as if a kill had come before the manifest
    assert forget_documents(programs.folder, [gone]) == 0
    assert programs.manifest.shards[0].documents == whole.shards[0].documents - 1
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.without_program, applied.problems) == (9, 1, [])


def test_a_damaged_file_of_programs_is_named_and_the_others_go_on(tmp_path):
    lake, programs = corpus_of(tmp_path, files=3)
    one, two, _ = programs.manifest.shards
    data = programs.file(one.shard)
    programs.folder.write_bytes(f"web/{one.file}", data[:-50] + b"x" * 50)
    programs.folder.remove(f"web/{two.file}")
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert applied.refined == 5
    assert len(applied.problems) == 2
    assert all("Get the file again" in problem for problem in applied.problems)
    programs.folder.write_bytes(f"web/{one.file}", data.replace(b"remove_lines", b"remove_linez"))
    assert "Get" in programs.apply(str(tmp_path / "pages"), out_of(lake)).problems[0]
    programs.folder.write_bytes("web/manifest.json", b"{}")
    with pytest.raises(ProgramsError, match=r"manifest\.json"):
        _ = programs.manifest


def test_a_result_that_does_not_follow_from_its_programs_is_not_published(tmp_path):
    run = all_fates(tmp_path)
    outcomes = rows(run, Table.OUTCOMES)
    info = run.lake.require(run.corpus, Table.OUTCOMES, run.shard)
    stamp = run.stamp(info.fingerprint, info.identity, outcomes[0]["execution_id"])
    with run.lake.write(run.corpus, run.shard, [Table.OUTCOMES], stamp) as [writer]:
        writer.notes.update(info.notes)
        for row in outcomes:
            writer.write({**row, "outcome": {"kept_edited": "kept_unchanged"}.get(row["outcome"], row["outcome"])})
    with pytest.raises(ProgramsError, match="Materialize refined_shards again"):
        written(run.lake, run.corpus)


def test_programs_of_another_executor_are_refused(tmp_path):
    run = all_fates(tmp_path)
    programs = written(run.lake, run.corpus)
    [(key, policy)] = programs.manifest.policies.items()
    old = policy.model_copy(update={"settings": {**ExecutionPolicy().as_dict(), "executor_version": 1}})
    programs.manifest.model_copy(update={"policies": {key: old}}).write(programs.folder, run.corpus)
    [problem] = programs.apply(str(tmp_path / KEY), out_of(run.lake)).problems
    assert "executor version 1" in problem


WRITE_AND_DIE = """
import os, signal, sys
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.write import write_programs
def progress(done, total):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
write_programs(Lake(sys.argv[1]), "web", Storage(sys.argv[2]), progress)
"""


def test_writing_goes_on_where_it_was_killed(tmp_path):
    lake, whole = corpus_of(tmp_path, files=3)
    folder = f"{lake.url}-killed"
    done = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, lake.url, folder])
    assert done.returncode == -signal.SIGKILL
    killed = whole.__class__(whole.folder.__class__(folder), "web")
    finished = killed.folder.list_stamps("web")
    assert len(finished) == 2
    assert "manifest.json" not in finished
    write_programs(lake, "web", killed.folder)
    assert killed.manifest == whole.manifest
    stamps = killed.folder.list_stamps("web")
    assert {name: stamps[name] for name in finished} == finished
    assert killed.folder.list_folders("web") == []


@pytest.mark.local_lake
def test_applying_goes_on_where_it_was_killed(tmp_path):
    lake, programs = corpus_of(tmp_path, files=12)
    out = out_of(lake)
    command = [sys.executable, "-c", "from prox_assets.cli import main; main()", "apply", programs.folder.url]
    process = subprocess.Popen([*command, "--to", str(tmp_path / "pages"), "--out", out.url, "--workers", "2"])
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until and len(out.list_files("web/_apply")) < 3:
        time.sleep(0.02)
    process.kill()
    process.wait()
    applied = programs.apply(str(tmp_path / "pages"), out)
    assert (applied.refined, applied.is_complete) == (60, True)
    assert by_id(same(refined(out, "web"))) == by_id(in_lake(lake, "web"))


def by_id(rows):
    return sorted(rows, key=lambda row: row["doc_id"])
