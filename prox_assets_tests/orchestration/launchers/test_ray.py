"""Steps as jobs of Ray: a stand-in for its Jobs API behind the real client; in `make trials`, a real cluster, too.

`test_ray_cluster.py` is always over a real one.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from prox_assets.testing.clusters.ray_cluster import ray_cluster
from prox_assets.testing.clusters.ray_stand_in import ray_stand_in
from prox_assets.testing.clusters.stage_processes import MARK, stages_of
from prox_assets.testing.dagster_deployment import wait_for
from prox_assets.testing.ports import free_port
from prox_assets_tests.orchestration.launchers.placed import (
    SLOW,
    STEPS,
    cluster,
    disturbed,
    everywhere,
    inferred_from,
    local_rows,
    nothing_is_left,
    problems,
    rows,
    run_all,
    run_step,
    town_over,
    without_retry_delays,
    write_raw,
)

pytestmark = pytest.mark.local_lake

Cluster = Callable[[int], AbstractContextManager[object]]
REAL = pytest.param("cluster", marks=pytest.mark.trial)


@pytest.fixture(params=["stand-in", REAL])
def serve(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return what runs a cluster of two GPUs on a port."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if request.param == "cluster":
        return lambda port: ray_cluster(dashboard_port=port)
    return lambda port: ray_stand_in(tmp_path, port=port)


@pytest.fixture
def address(serve: Cluster) -> Iterator[str]:
    port = free_port()
    with serve(port):
        yield f"http://127.0.0.1:{port}"


def test_two_shards_run_at_once_on_a_gpu_each_and_a_killed_one_is_started_again(tmp_path: Path, address: str) -> None:
    lake = tmp_path / "lake"
    placement = cluster("ray", address=address, gpus=1, shards_per_job=1, environment={MARK: str(lake)})
    raw = write_raw(tmp_path, shards=2, pages=100)
    town = town_over(raw, lake, {"programs": placement}, **SLOW)
    assert run_step(town, "raw_shards").success
    seen: list[set[str]] = []

    def kill_one() -> None:
        both = wait_for(lambda: len(found := stages_of(lake)) == 2 and found, 60, "two jobs at once", every=0.05)
        seen.append({process.environ()["CUDA_VISIBLE_DEVICES"] for process in both})
        both[0].kill()

    result = disturbed(town, kill_one)

    assert result.success, problems(result)
    assert seen == [{"0", "1"}]
    inferred = inferred_from(town, "doc_programs")
    assert {key: sum(counts) for key, counts in inferred.items()} == {"part-0": 100, "part-1": 101}
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
    assert nothing_is_left(town.lake)


def test_a_corpus_on_ray_has_the_rows_of_a_local_one(tmp_path: Path, address: str) -> None:
    raw = write_raw(tmp_path, shards=2, pages=3)
    town = town_over(raw, tmp_path / "lake", everywhere(cluster("ray", address=address, time_minutes=5)))
    run_all(town)
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
    assert nothing_is_left(town.lake)


def test_a_cluster_that_goes_away_fails_the_step_and_the_next_one_finishes_it(
    tmp_path: Path, serve: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_retry_delays(monkeypatch)
    port = free_port()
    placement = cluster("ray", address=f"http://127.0.0.1:{port}", unreachable_minutes=0)
    raw = write_raw(tmp_path, shards=1, pages=100)
    town = town_over(raw, tmp_path / "lake", {"programs": placement}, **SLOW)
    assert run_step(town, "raw_shards").success
    with contextlib.ExitStack() as first:
        first.enter_context(serve(port))
        result = disturbed(town, first.close)
    assert not result.success
    assert f"the Ray cluster at http://127.0.0.1:{port} does not do what it was asked" in problems(result)

    with serve(port):
        result = run_step(town, "doc_programs", "chunk_programs")
    assert result.success, problems(result)
    [(resumed, inferred)] = inferred_from(town, "doc_programs").values()
    assert resumed >= 3
    assert inferred == 100 - resumed
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")


def test_without_an_address_the_step_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    raw = write_raw(tmp_path, shards=1, pages=3)
    town = town_over(raw, tmp_path / "lake", {"raw_shards": cluster("ray")})
    result = town.run("raw_shards", shard="part-0")
    assert not result.success
    assert "set its address to the dashboard, such as http://head:8265" in problems(result)
