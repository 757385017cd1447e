"""The fault harness itself, one small fault of each family that needs no model; `make chaos` causes many more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos import clocks, disks, kills, object_store, two_runs
from benchmarks.chaos.lakes import differences, leftovers
from benchmarks.chaos.mounts import may_not_mount
from benchmarks.chaos.refinements import Ended
from benchmarks.chaos.verdicts import Verdict, table
from benchmarks.chaos.world import CORPUS, RULES, World
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets_tests.lake.rows import STAMP, write_rows

SEED = 1


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("chaos"), SEED, 2, pages=None)


def assert_held(verdicts: Iterator[Verdict]) -> None:
    for verdict in verdicts:
        assert verdict.problems == (), verdict


def test_a_killed_prox_refine_is_finished_by_the_next(world: World) -> None:
    assert_held(kills.kill_lakes(world, RULES, 2, world.rng("kills")))


def test_a_full_disk_fails_the_run_and_with_room_it_ends_well(world: World, tmp_path: Path) -> None:
    refused = may_not_mount(tmp_path / "mount")
    if refused:
        pytest.skip(refused)
    assert_held(iter([disks.fill(world, 8 * disks.PAGE)]))


def test_a_read_only_lake_is_named(world: World, tmp_path: Path) -> None:
    refused = may_not_mount(tmp_path / "mount")
    if refused:
        pytest.skip(refused)
    assert_held(iter([disks.lock(world, "half done", world.rng("disks"))]))


def test_a_failing_store_is_named_and_the_work_is_finished_in_the_end(world: World, s3_endpoint: str) -> None:
    assert_held(object_store.refine(world, s3_endpoint, "chaos", 0.01))


def test_a_run_by_a_jumping_clock_is_killed_and_finished(world: World) -> None:
    library = clocks.compile_clock(world)
    if library is None:
        pytest.skip("it takes Linux and a C compiler")
    assert_held(iter([clocks.refine(world, library, world.rng("clocks"))]))


def test_of_two_runs_with_two_refiners_one_wins_whole(world: World) -> None:
    assert_held(iter([two_runs.race(world, two_runs.REFINERS, (RULES, two_runs.KEEP_ALL), world.rng("two"))]))


def test_a_lake_that_lacks_a_row_or_has_left_something_does_not_pass(tmp_path: Path) -> None:
    wanted, found = Lake(str(tmp_path / "wanted")), Lake(str(tmp_path / "found"))
    for lake, count in ((wanted, 3), (found, 2)):
        with lake.write(CORPUS, "a", [Table.REJECTS], STAMP) as [writer]:
            for number in range(count):
                writer.write({"source_file": "a", "source_row": number, "reason": "r", "detail": "d", "excerpt": "e"})
    assert differences(wanted, wanted, CORPUS) == []
    assert differences(found, wanted, CORPUS) == ["rejects of a has 2 rows instead of 3"]
    write_rows(found, Table.DOC_PROGRAMS, "a", 1)
    found.storage.write_bytes("_leases/pages/raw_shards/a.json", b"{}")
    assert leftovers(wanted, tmp_path) == []
    assert leftovers(found, tmp_path) == ["left behind: _leases/pages/raw_shards/a.json"]


@pytest.mark.parametrize(
    ("ended", "problem"),
    [
        (Ended(None, ""), "hung"),
        (Ended(1, "error: something else"), "without the cause"),
        (Ended(1, "Traceback ... OSError: No space left on device"), "a traceback"),
        (Ended(1, "error: No space left on device"), None),
    ],
)
def test_a_run_that_had_to_fail_must_end_and_name_the_cause(ended: Ended, problem: str | None) -> None:
    found = ended.failure_problems("No space left")
    assert (found == []) if problem is None else (problem in found[0])


def test_the_table_counts_faults_and_those_that_held() -> None:
    verdicts = [
        Verdict("kill", (), ("during a",), 2),
        Verdict("kill", ("lost a row",), ("during a",), 1),
        Verdict("mount", (), ("skipped: not allowed",), 0),
    ]
    assert table(verdicts).splitlines()[2:] == [
        "| kill | 3 | 2 | during a (2) |",
        "| mount | skipped | - | skipped: not allowed |",
    ]
