"""What the fault harness has found, each incident once: told by its story, without waiting for chance to repeat it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prox_assets.catalog.compaction import Compacted, compact, coverage
from prox_assets.lake.errors import ReplacedTableError, RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage import lease as lease_module
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.lake.table_files import FileStamp, TableWriter
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets_tests.lake.rows import write_rows
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import KEY, infer, make_plan, read_shard_of, rows, write_pages

TEXTS = [f"menu\nA page about the number {number}, and about boats." for number in range(6)]


class Killed(BaseException):
    """Stands for kill -9: no handler sees it."""


class KilledAtWrite(Storage):
    """A storage whose process is killed when a file of `victim` is about to be put in place; those before it are."""

    victim = ""

    @contextmanager
    def new_files(self, relatives: Sequence[str]) -> Iterator[list[Path]]:
        places = [number for number, relative in enumerate(relatives) if self.victim in relative]
        if not places:
            with super().new_files(relatives) as temporaries:
                yield temporaries
            return
        lost = [Path(self.root) / f"never-{number}" for number in range(len(relatives) - places[0])]
        with super().new_files(relatives[: places[0]]) as temporaries:
            yield [*temporaries, *lost]
        for path in lost:
            path.unlink()
        raise Killed


def refine(folder: Path, run_id: str, storage: type[Storage] = Storage, limit: int | None = None) -> Lake:
    lake = lake_at(folder / "lake")
    if storage is not Storage:
        lake.storage = storage(lake.url)
    pages = folder / "raw" / KEY
    if not pages.exists():
        write_pages(pages, TEXTS)
        with pages.open("a") as file:
            file.write('{"text": broken\n')
    plan = make_plan(pages)
    shards = discover_shards(lake, plan, run_id).shards
    refine_shards(lake, plan, shards, run_id, limit=limit, report=lambda stage, shard: lambda done, total: None)
    return lake


def killed_before(victim: str) -> type[Storage]:
    return type("KilledBefore", (KilledAtWrite,), {"victim": victim})


def comparable(lake: Lake, table: Table) -> list[dict[str, Any]]:
    changing = {"run_id", "execution_id", "measured_at", "doc_engine_seconds", "chunk_engine_seconds"}
    return [
        {name: value for name, value in row.items() if name not in changing} for row in lake.rows("web", table, KEY)
    ]


@pytest.mark.parametrize("victim", ["web/rejects", "web/documents", "shard_metrics/", "shard_metrics_history"])
def test_a_kill_between_two_files_of_one_step_loses_neither(tmp_path, victim):
    """Documents without their rejects, and metrics missing in the history, counted as current and were never mended."""
    wanted = refine(tmp_path / "calm", "calm")
    with pytest.raises(Killed):
        refine(tmp_path / "killed", "killed", killed_before(victim))
    found = refine(tmp_path / "killed", "again")
    for table in Table:
        # One says where the raw file is, the other how long everything took.
        if table not in (Table.SHARDS, Table.COMPUTE):
            assert comparable(found, table) == comparable(wanted, table), table
    assert len(list(found.rows("web", Table.SHARD_METRICS_HISTORY, KEY))) == 1
    assert len(list(found.rows("web", Table.REJECTS, KEY))) == 1


@pytest.mark.parametrize("victim", ["web/rejects", "web/documents"])
def test_a_kill_between_documents_and_rejects_of_a_shards_head_loses_neither(tmp_path, victim):
    """A head has no count of rows that would tell of the kill: only the order of the two files does."""
    pages = write_pages(tmp_path / "raw" / KEY, TEXTS)
    pages.write_text('{"text": broken\n' + pages.read_text())
    with pytest.raises(Killed):
        refine(tmp_path, "killed", killed_before(victim), limit=3)
    found = refine(tmp_path, "again", limit=3)
    assert len(list(found.rows("web", Table.DOCUMENTS, KEY))) == 3
    assert len(list(found.rows("web", Table.REJECTS, KEY))) == 1


def test_a_step_retried_after_its_last_write_counts_once_in_the_history(tmp_path):
    """The same run measured the same execution again, and the history of the shard had two rows of it."""
    run = read_shard_of(tmp_path, TEXTS)
    infer(run)
    refine_shard(run)
    measure_shard(run)
    measure_shard(replace(run, force=True))
    measure_shard(replace(run, run_id="run-2", force=True))
    assert [row["run_id"] for row in rows(run, Table.SHARD_METRICS_HISTORY)] == ["run-1", "run-2"]


def test_a_kill_before_the_rows_of_a_shard_are_noted_is_mended(tmp_path):
    """The number of rows is noted after the documents stand; nobody read the shard again to count them."""
    lake = refine(tmp_path, "first")
    [before] = lake.rows("web", Table.SHARDS, KEY)
    lake.storage.remove(f"web/shards/{KEY}.parquet")
    refine(tmp_path, "second")
    [after] = lake.rows("web", Table.SHARDS, KEY)
    assert after["rows"] == before["rows"] == len(TEXTS) + 1


HOLD = """
import os, signal, sys
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.lease import Lease
with Lease(Lake(sys.argv[1]).storage, "web", sys.argv[2], "pages.jsonl", "killed"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("asset", ["raw_shards", "refined_shards", "quality_metrics"])
def test_the_lease_of_a_run_killed_after_its_last_write_does_not_stay(tmp_path, asset):
    """The work was done, so that nobody took the lease again, and its record stayed for ever."""
    lake = refine(tmp_path, "first")
    subprocess.run([sys.executable, "-c", HOLD, lake.url, asset], check=False, timeout=60)
    assert lake.storage.list_files(f"_leases/web/{asset}") == [f"{KEY}.json"]
    refine(tmp_path, "second")
    assert lake.storage.list_files(f"_leases/web/{asset}") == []


def test_the_lease_of_a_living_run_is_not_cleared(tmp_path):
    storage = Storage(str(tmp_path))
    with Lease(storage, "web", "raw_shards", KEY, "alive") as alive:
        Lease(storage, "web", "raw_shards", KEY, "other").clear_if_abandoned()
        alive.check()


class ForgetfulStorage(Storage):
    """A store that does what it is asked and then says that the file was there already, as after a lost answer."""

    def create_exclusively(self, relative: str, data: bytes) -> bool:
        assert super().create_exclusively(relative, data)
        return False


def test_a_lease_whose_answer_was_lost_is_held_all_the_same(tmp_path, monkeypatch):
    """The run took its own record for another run's, waited a minute for itself, and gave up."""
    monkeypatch.setattr(Lease, "_stays_silent", lambda lease, holder: pytest.fail("waits for itself"))
    storage = ForgetfulStorage(str(tmp_path))
    with Lease(storage, "web", "raw_shards", KEY, "run-1") as lease:
        lease.check()


def test_a_lease_whose_heartbeat_cannot_start_for_lack_of_memory_is_an_error_and_no_hang(tmp_path, monkeypatch):
    """The heartbeat's thread died before it ran, and the run waited for its first sign of life for ever."""
    monkeypatch.setattr(lease_module, "HEARTBEAT_START_SECONDS", 0.2)
    monkeypatch.setattr(lease_module._thread, "start_new_thread", lambda function, arguments: 1)
    lease = Lease(Storage(str(tmp_path)), "web", "raw_shards", KEY, "run-1")
    with pytest.raises(RetryableLakeError, match="out of memory"), lease:
        pytest.fail("held without a heartbeat")
    assert not list(tmp_path.glob("_leases/**/*.json"))


def test_a_full_disk_is_named_with_what_to_do(tmp_path):
    """Arrow's and the system's own errors came through as tracebacks."""
    storage = Storage(str(tmp_path))

    def write_onto_a_full_disk() -> None:
        with storage.new_files(["web/file"]) as [temporary]:
            temporary.symlink_to("/dev/full")
            temporary.write_bytes(b"more than fits")

    with pytest.raises(RetryableLakeError, match=r"No space left on device.*Make room"):
        write_onto_a_full_disk()
    assert storage.list_files("web") == []


def test_a_store_that_stops_answering_is_not_a_damaged_file(tmp_path, monkeypatch):
    """A read that failed was told as `is damaged; run doc_programs again`, and never tried again."""
    lake = Lake("memory://chaos-lake")
    write_rows(lake, Table.DOC_PROGRAMS, "a", 3)
    opened = lake.storage.fs.open

    def open_and_fail(path: str, mode: str = "rb", **options: object) -> Any:
        file = opened(path, mode, **options)
        file.read = lambda size=-1: (_ for _ in ()).throw(OSError("the connection was reset"))
        return file

    monkeypatch.setattr(lake.storage.fs, "open", open_and_fail)
    readers: list[Callable[[], object]] = [
        lambda: lake.info("pages", Table.DOC_PROGRAMS, "a"),
        lambda: list(lake.rows("pages", Table.DOC_PROGRAMS, "a")),
        lambda: lake.rows_of_document("pages", Table.DOC_PROGRAMS, "a", 0),
        lambda: lake.scan("pages", Table.DOC_PROGRAMS).collect(),
    ]
    for read in readers:
        with pytest.raises(RetryableLakeError, match="connection was reset") as caught:
            read()
        assert "damaged" not in str(caught.value)


def test_of_two_runs_with_different_refiners_the_one_that_lost_its_input_publishes_nothing(tmp_path):
    """One run's chunk programs were written for the other's decisions, and executed: a lake of neither."""
    first = read_shard_of(tmp_path, TEXTS)
    second = replace(first, run_id="run-2")
    chunks = FakeSession("chunk", FakeChunks())
    write_document_programs(first, FakeSession("doc", FakeDocuments(), fingerprint="one"))
    [mine] = {first.lake.require("web", Table.DOC_PROGRAMS, KEY).identity}
    write_document_programs(second, FakeSession("doc", FakeDocuments(), fingerprint="two"))
    with pytest.raises(ReplacedTableError, match=r"was replaced by run run-2.*publishes nothing"):
        write_chunk_programs(first, chunks, mine)
    assert first.lake.info("web", Table.CHUNK_PROGRAMS, KEY) is None
    write_chunk_programs(second, chunks, second.lake.require("web", Table.DOC_PROGRAMS, KEY).identity)
    refine_shard(second)
    assert len(rows(second, Table.OUTCOMES)) == len(TEXTS)


def test_decisions_that_are_replaced_during_inference_stop_the_programs_written_for_them(tmp_path):
    first = read_shard_of(tmp_path, TEXTS)
    infer(first)
    before = rows(first, Table.CHUNK_PROGRAMS)

    def answer(text: str) -> str:
        write_document_programs(replace(first, run_id="run-2"), FakeSession("doc", FakeDocuments(), fingerprint="two"))
        return "keep_chunk()"

    with pytest.raises(ReplacedTableError, match="doc_programs"):
        write_chunk_programs(first, FakeSession("chunk", FakeChunks(program=answer), fingerprint="new"))
    assert rows(first, Table.CHUNK_PROGRAMS) == before


class DecidedAnewAtExecution(Lake):
    """Another run, with another document refiner, puts its decisions here right after an execution has looked."""

    other: Callable[[], object] = staticmethod(lambda: None)

    @contextmanager
    def write(
        self,
        corpus: str,
        shard: str,
        tables: Sequence[Table],
        stamp: FileStamp,
        before_publish: Callable[[], None] | None = None,
    ) -> Iterator[list[TableWriter]]:
        if Table.REFINED in tables:
            self.other()
        with super().write(corpus, shard, tables, stamp, before_publish) as writers:
            yield writers


@pytest.mark.parametrize("answer", ["drop_doc()", "keep_doc()"])
def test_decisions_that_are_replaced_before_an_execution_reads_them_stop_it(tmp_path, answer):
    """It read the other run's decisions beside its own programs.

    It told documents that it had never kept as lacking their programs (in one of some fifty races); where there were
    enough programs it published what was of neither run.
    """
    first = read_shard_of(tmp_path, TEXTS)
    keeps_half = FakeDocuments(program=lambda text: "keep_doc()" if text in TEXTS[::2] else "drop_doc()")
    infer(first, keeps_half)
    other = FakeSession("doc", FakeDocuments(program=lambda text: answer), fingerprint="two")
    lake = DecidedAnewAtExecution(first.lake.url)
    lake.other = lambda: write_document_programs(replace(first, run_id="run-2"), other)
    with pytest.raises(ReplacedTableError, match=r"doc_programs .*was replaced by run run-2.*publishes nothing"):
        refine_shard(replace(first, lake=lake))
    assert first.lake.info("web", Table.REFINED, KEY) is None


def test_a_compaction_made_by_an_earlier_clock_is_the_newest_all_the_same(tmp_path, monkeypatch):
    """It was named by the time, sorted before the one it replaced, was never read, and was made again at every call."""
    lake = refine(tmp_path, "first")
    compact(lake, "web")
    lake.storage.remove(f"web/shards/{KEY}.parquet")
    refine(tmp_path, "second")
    earlier = time.time_ns() - 86_400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: earlier)
    compact(lake, "web")
    found = coverage(lake, "web", Compacted.SHARDS)
    assert (found.outdated, found.fresh) == ((), ())
