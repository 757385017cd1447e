"""Shards refined by several processes: the lake of one process, and what kills and interruptions cost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.presets import preset
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.run import LEASE_WAIT_SECONDS, StageError
from prox_assets.stages.running.pipeline import PipelineResult, refine_shards
from prox_assets.stages.running.worker_processes import refine_shards_in_processes
from prox_assets.testing.comparable_rows import COMPARED, comparable_rows
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

PROSE = (
    "The river rises in the hills to the north of the town and runs for forty miles to the sea. "
    "In winter it floods the meadows, and the people who live there have learned to move their cattle early. "
)


def write_shards(folder: Path, count: int, documents: int) -> Path:
    for shard in range(count):
        pages = [f"Home | About us\nPage {shard}.{n}. {PROSE * 3}\nShare on Facebook" for n in range(documents)]
        write_pages(folder / f"part-{shard}.jsonl", [*pages, "", "buy " * 300])
    return folder


def refine(lake: Lake, pages: Path, workers: int, limit: int | None = None, run_id: str = "run") -> PipelineResult:
    plan = make_plan(pages)
    shards = discover_shards(lake, plan, run_id).shards
    if workers == 1:
        return refine_shards(lake, plan, shards, run_id, limit=limit, report=silently)
    return refine_shards_in_processes(lake, plan, shards, run_id, workers=workers, limit=limit, report=silently)


def silently(stage: str, shard: str) -> Callable[[int, int], None]:
    del stage, shard
    return lambda done, total: None


def contents(lake: Lake) -> dict[tuple[str, str], list[dict]]:
    return {
        (table, shard): list(comparable_rows(lake, "web", table, shard))
        for table in COMPARED
        for shard in lake.shards("web", table)
    }


@pytest.mark.parametrize("limit", [None, 9])
def test_workers_make_the_lake_that_one_process_makes(tmp_path, limit):
    pages = write_shards(tmp_path / "raw", 4, 5)
    one, three = lake_at(tmp_path / "one"), lake_at(tmp_path / "three")
    alone, together = refine(one, pages, 1, limit), refine(three, pages, 3, limit)
    assert contents(three) == contents(one)
    assert list(together.metrics) == list(alone.metrics), "in the order of the shards, whoever was first"
    assert len(together.metrics) == (4 if limit is None else 2)
    assert not together.errors
    assert refine(three, pages, 3, limit, "again").unchanged == set(alone.metrics)


def test_progress_of_every_stage_and_shard_comes_from_the_workers(tmp_path):
    pages = write_shards(tmp_path / "raw", 2, 3)
    lake, plan, seen = lake_at(tmp_path / "lake"), make_plan(pages), {}

    def report(stage: str, shard: str) -> Callable[[int, int], None]:
        return lambda done, total: seen.update({(stage, shard): (done, total)})

    shards = discover_shards(lake, plan, "run").shards
    refine_shards_in_processes(lake, plan, shards, "run", workers=2, report=report)
    stages = ("read", "documents", "chunks", "execute")
    assert seen == {(stage, shard.key): (5, 5) for stage in stages for shard in shards}


def test_a_shard_that_fails_costs_itself_alone(tmp_path):
    pages = write_shards(tmp_path / "raw", 3, 2)
    (pages / "part-1.jsonl.gz").write_bytes(b"\x1f\x8b no gzip")
    result = refine(lake_at(tmp_path / "lake"), pages, 2)
    assert list(result.metrics) == ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"]
    assert "damaged" in str(result.errors["part-1"])


def test_refiners_with_a_model_share_one_engine_instead(tmp_path):
    plan = make_plan(write_shards(tmp_path / "raw", 1, 1), refiners=preset("bundled"))
    with pytest.raises(StageError, match="without a model"):
        refine_shards_in_processes(lake_at(tmp_path / "lake"), plan, [], "run", workers=2, report=silently)


@contextmanager
def refining(lake: Path, pages: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Run `prox refine --workers 2`; give it and its workers once both are at a shard."""
    code = "from prox_assets.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "refine",
        str(pages),
        "--lake",
        str(lake),
        "--corpus",
        "web",
        "--workers",
        "2",
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as run:
        deadline = time.monotonic() + 60
        while len(list(lake.glob("_leases/web/doc_programs/*.json"))) < 2:
            assert run.poll() is None, run.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield run, psutil.Process(run.pid).children()
        finally:
            if run.poll() is None:
                run.kill()


@pytest.mark.local_lake
def test_a_killed_worker_is_told_and_its_shard_goes_on_at_the_next_run(tmp_path):
    pages = write_shards(tmp_path / "raw", 3, 1_500)
    with refining(tmp_path / "lake", pages) as (run, workers):
        workers[0].kill()
        _, printed = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "the worker process that refined it was killed by signal 9" in printed
    lake = Lake(str(tmp_path / "lake"))
    assert len(lake.shards("web", Table.SHARD_METRICS)) == 2, "another worker took its place"
    result = refine(lake, pages, 2, run_id="again")
    assert sorted(result.metrics) == ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"]
    assert len(result.unchanged) == 2
    assert not list(tmp_path.glob("lake/_leases/**/*.json"))


@pytest.mark.local_lake
def test_ctrl_c_ends_every_worker_and_the_next_run_goes_on_at_once(tmp_path):
    pages = write_shards(tmp_path / "raw", 2, 2_000)
    with refining(tmp_path / "lake", pages) as (run, workers):
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        out, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "the same command resumes here" in out
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(workers, timeout=0)
    assert not alive
    began = time.monotonic()
    assert len(refine(Lake(str(tmp_path / "lake")), pages, 2, run_id="again").metrics) == 2
    assert time.monotonic() - began < LEASE_WAIT_SECONDS, "no lease of an ended worker was waited for"
    assert not list(tmp_path.glob("lake/_leases/**/*.json"))
    assert not list(tmp_path.glob("lake/_tmp/*"))


@pytest.mark.local_lake
def test_workers_do_not_outlive_a_killed_run(tmp_path):
    with refining(tmp_path / "lake", write_shards(tmp_path / "raw", 2, 3_000)) as (run, workers):
        run.kill()
        _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
