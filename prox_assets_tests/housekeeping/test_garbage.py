"""`prox gc`: what goes, what stays, and that nothing current changes."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.catalog.compaction import compact
from prox_assets.cli import app
from prox_assets.housekeeping.garbage.collect import collect
from prox_assets.housekeeping.garbage.files import Garbage, Kind, Limits
from prox_assets.housekeeping.garbage.find import find_garbage
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, record_export
from prox_assets.lake.records.withdrawal_marks import keep_manifest
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.monitoring.metrics.reconciliation import reconcile
from prox_assets_tests.housekeeping.refined_lake import refine, refined_lake
from prox_assets_tests.lakes import files_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return refined_lake(tmp_path)


def limits(hours: float = 0.0, **more: float) -> Limits:
    return Limits(datetime.now(UTC) + timedelta(seconds=1), timedelta(hours=hours), **more)  # type: ignore[arg-type]


def litter(lake: Lake) -> set[str]:
    """Leave garbage of every kind but histories; return the paths."""
    storage = lake.storage
    for refined in range(2):
        storage.remove(lake.table_path("web", Table.SHARD_METRICS, "b.jsonl") if refined else "none")
        compact(lake, "web")
    compactions = storage.list_files("web/compacted")
    assert len([name for name in compactions if name.startswith("shard_metrics-")]) == 2, "readers may use both"
    old = {f"web/compacted/shard_metrics-{0:020d}-0.parquet"}
    finished = lake.require("web", Table.DOC_PROGRAMS, "a.jsonl").identity
    made = {
        f"_resume/web/doc_programs/a.jsonl/{finished}": "ledger.json",
        "_resume/web/chunk_programs/gone.jsonl/0": "00000000.parquet",
        "_tmp/prox-other-1-abc": "0",
    }
    files = {
        **dict.fromkeys(old, b""),
        "_leases/web/raw_shards/a.jsonl.json": b'{"host": "another", "pid": 1, "owner": "x"}',
        "web/edits/gone.jsonl.parquet": b"PAR1",
        "_footers/gone.json.gz": b"",
        "_tokens/half/shard.bin": b"12",
    }
    for folder, name in made.items():
        storage.write_bytes(f"{folder}/{name}", b"{}")
    for path, data in files.items():
        storage.write_bytes(path, data)
    two_hours_ago = time.time() - 7200
    for path in (storage.path("_tmp/prox-other-1-abc/0"), storage.path("_leases/web/raw_shards/a.jsonl.json")):
        os.utime(path, (two_hours_ago, two_hours_ago))
    gone = Export("tokens", "gone", storage.uri("_tokens/gone"), ("web",))
    record_export(lake, gone)
    return {*old, *made, *(files.keys() - {"_tokens/half/shard.bin"}), "_tokens/half", "_exports/tokens.gone.json"}


def current(lake: Lake) -> dict[str, bytes]:
    return {path: data for path, data in files_of(lake).items() if path.startswith("web/") and "gone" not in path}


@pytest.mark.local_lake
def test_garbage_goes_and_nothing_current_changes(lake: Lake, tmp_path: Path) -> None:
    paths = litter(lake)
    before = {path: data for path, data in current(lake).items() if path not in paths}
    found = list(find_garbage(lake, limits()))
    assert {each.path for each in found} == paths
    assert {each.kind for each in found} == set(Kind) - {Kind.HISTORY, Kind.EXECUTION}
    assert [collect(lake, each, limits(), "gc") for each in found] == [None] * len(found)
    assert current(lake) == before
    assert list(find_garbage(lake, limits())) == []
    assert "a.jsonl" in refine(lake, tmp_path).unchanged


@pytest.mark.local_lake
def test_what_is_young_stays(lake: Lake) -> None:
    litter(lake)
    assert list(find_garbage(lake, limits(hours=3))) == []


@pytest.mark.local_lake
def test_what_a_live_run_may_be_writing_stays_however_young_garbage_may_be(lake: Lake) -> None:
    storage = lake.storage
    with Lease(storage, "web", "raw_shards", "a.jsonl", "a-live-run"), storage.new_files(["new"]) as [file]:
        file.write_bytes(b"1")
        os.utime(file, (0, 0))
        storage.write_bytes("_tmp/prox-other-1-abc/0", b"")
        assert list(find_garbage(lake, limits())) == []


@pytest.mark.local_lake
def test_exports_out_of_reach_and_empty_folders_stay(lake: Lake, tmp_path: Path) -> None:
    record_export(lake, Export("tokens", "far", str(tmp_path / "not-mounted"), ("web",)))
    for empty in ("_tokens/empty", "_resume/web/doc_programs/gone.jsonl/0", "_tmp/prox-other-1-abc"):
        Path(lake.storage.path(empty)).mkdir(parents=True)
    assert list(find_garbage(lake, limits())) == []


@pytest.mark.parametrize("while_collecting", [False, True])
def test_tables_whose_manifest_was_hidden_for_a_moment_stay(lake: Lake, while_collecting: bool) -> None:
    path = lake.manifest_path("web", "a.jsonl")
    manifest = lake.storage.read_bytes(path) or b""
    lake.storage.remove(path)
    garbage, *_ = find_garbage(lake, limits())
    if while_collecting:
        keep_manifest(lake, "web", "a.jsonl", manifest)
    else:
        lake.storage.write_bytes(path, manifest)
    assert "being withdrawn" in (collect(lake, garbage, limits(), "gc") or "")
    assert lake.storage.exists(garbage.path)


def test_an_execution_that_no_manifest_names_goes_and_is_made_again(lake: Lake, tmp_path: Path) -> None:
    lake.storage.remove(lake.manifest_path("web", "a.jsonl"))
    found = list(find_garbage(lake, limits()))
    assert {each.kind for each in found} == {Kind.EXECUTION}
    assert {each.path for each in found} >= {"web/refined/a.jsonl.parquet", "web/outcomes/a.jsonl.parquet"}
    with Lease(lake.storage, "web", "refined_shards", "a.jsonl", "a-live-run", heartbeat_seconds=0.05):
        assert "a-live-run" in (collect(lake, found[0], limits(), "gc") or "")
    for each in found:
        assert collect(lake, each, limits(), "gc") is None
    refine(lake, tmp_path)
    assert reconcile(lake, "web", "a.jsonl").problems == ()
    assert not [each for each in find_garbage(lake, limits()) if each.kind is Kind.EXECUTION]


def test_what_changed_since_it_was_found_stays(lake: Lake) -> None:
    path = "web/edits/gone.jsonl.parquet"
    lake.storage.write_bytes(path, b"PAR1")
    [garbage] = find_garbage(lake, limits())
    lake.storage.write_bytes(path, b"PAR1 and more")
    assert collect(lake, garbage, limits(), "gc") == "it has changed since it was found"
    assert lake.storage.exists(path)


@pytest.mark.parametrize(
    ("more", "stay"), [({"history_rows": 1}, 1), ({"history_rows": 2}, 2), ({"history_days": 0}, 1)]
)
def test_histories_past_a_limit(lake: Lake, tmp_path: Path, more: dict[str, float], stay: int) -> None:
    for refiner in ("lines", "rules"):
        refine(lake, tmp_path, refiner)
    before = files_of(lake)
    latest = list(lake.rows("web", Table.SHARD_METRICS_HISTORY, "a.jsonl"))[-1]
    found = [each for each in find_garbage(lake, limits(**more)) if each.kind is Kind.HISTORY]
    assert [each.rows for each in found] == [3 - stay] * 2
    for each in found:
        assert collect(lake, each, limits(**more), "gc") is None
    rows = list(lake.rows("web", Table.SHARD_METRICS_HISTORY, "a.jsonl"))
    assert (len(rows), rows[-1]) == (stay, latest)
    changed = {path for path, data in files_of(lake).items() if before.get(path) != data}
    assert {path.split("/")[1] for path in changed} == {"shard_metrics_history"}
    assert refine(lake, tmp_path).unchanged == {"a.jsonl", "b.jsonl"}


@pytest.mark.local_lake
def test_a_killed_collection_is_finished_by_the_next(lake: Lake) -> None:
    paths = litter(lake)
    before = {path: data for path, data in current(lake).items() if path not in paths}
    script = f"""
        import os, signal
        from prox_assets.cli import app
        from prox_assets.lake.storage.storage import Storage
        remove, left = Storage.remove, iter(range(3))
        def dying(self, path):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            remove(self, path)
        Storage.remove = dying
        app(["gc", "--lake", {lake.url!r}, "--older-than", "0", "--yes"])
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert current(lake).items() >= before.items()
    command = ["gc", "--lake", lake.url, "--older-than", "0"]
    listed = CliRunner().invoke(app, command)
    assert "`prox gc --yes` removes it" in listed.output
    assert current(lake).items() >= before.items()
    assert CliRunner().invoke(app, [*command, "--yes"]).exit_code == 0
    assert current(lake) == before
    assert "is garbage" in CliRunner().invoke(app, command).output


def test_the_lake_in_use_has_no_garbage(lake: Lake) -> None:
    with Lease(lake.storage, "web", "raw_shards", "a.jsonl", f"run-{os.getpid()}"):
        found: list[Garbage] = list(find_garbage(lake, limits(hours=24)))
    assert found == []
