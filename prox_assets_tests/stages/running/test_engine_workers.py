"""Shards refined by several engines, each with a device of its own: the lake of one engine, and what kills cost."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.protocol import EngineStartError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.machine.devices import find_devices
from prox_assets.machine.leases import holders
from prox_assets.refiners.config import RefinerPair
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import PipelineResult, refine_shards
from prox_assets.stages.running.worker_processes import refine_shards_in_processes
from prox_assets.testing.comparable_rows import COMPARED, comparable_rows
from prox_assets_tests.declared_devices import holding
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

pytestmark = pytest.mark.usefixtures("two_devices")

SHARDS = [f"part-{number}.jsonl" for number in range(4)]


@pytest.fixture
def plan(tmp_path: Path, tiny_llama: Path) -> RefinementPlan:
    for number, shard in enumerate(SHARDS):
        write_pages(tmp_path / "raw" / shard, [f"Home | About\nPage {number}.{page} of tides." for page in range(3)])
    # Scores at the document level; at the chunk level it writes nonsense, which is recorded all the same.
    model = {"model": str(tiny_llama), "prompt_format": "llama2-chat", "probe": False, "dtype": "float32"}
    chunk = {"name": "tiny-chunk", "level": "chunk", "max_new_tokens": 4, **model}
    refiners = RefinerPair.model_validate(
        {"name": "tiny", "doc": {"name": "tiny-doc", "level": "doc", **model}, "chunk": chunk}
    )
    # Batches of one: what shares a batch depends on time, and changes the last bits.
    return make_plan(
        tmp_path / "raw",
        refiners=refiners,
        engine=TransformersEngineConfig(threads=1, batch_size=1),
        window_documents=1,
    )


@pytest.fixture
def plan_of_one_level(plan: RefinementPlan) -> RefinementPlan:
    """The same without chunk programs: half as many starts of engines."""
    assert isinstance(plan.refiners, RefinerPair)
    return plan.model_copy(update={"refiners": plan.refiners.model_copy(update={"chunk": None})})


def refine_here(lake: Lake, plan: RefinementPlan, run_id: str) -> PipelineResult:
    """Refine in this process, without a device: a lease would last as long as the process."""
    here = plan.model_copy(update={"engine": TransformersEngineConfig(device="cpu", threads=1, batch_size=1)})
    return refine_shards(lake, here, discover_shards(lake, here, run_id).shards, run_id, report=silently)


def silently(stage: str, shard: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def refine_on_both(
    lake: Lake, plan: RefinementPlan, run_id: str = "run", seen: Callable[[str, str], None] = lambda *_: None
) -> PipelineResult:
    def report(stage: str, shard: str) -> Callable[[int, int], None]:
        return lambda done, total: seen(stage, shard)

    shards = discover_shards(lake, plan, run_id).shards
    return refine_shards_in_processes(lake, plan, shards, run_id, workers=2, devices=1, report=report)


def holders_by_device() -> dict[str, int]:
    return {device.name: holder.pid for device, holder in holders(find_devices()).items() if holder is not None}


def test_two_engines_make_the_lake_that_one_makes_each_on_a_device_of_its_own(tmp_path, plan):
    one, two = lake_at(tmp_path / "one"), lake_at(tmp_path / "two")
    expected = refine_here(one, plan, "run")
    order: list[str] = []
    held: dict[str, set[int]] = {"0": set(), "1": set()}

    def look(stage: str, shard: str) -> None:
        order.append(stage)
        for device, pid in holders_by_device().items():
            held[device].add(pid)

    result = refine_on_both(two, plan, seen=look)

    assert not result.errors
    assert list(result.metrics) == list(expected.metrics) == SHARDS
    for table in COMPARED:
        for shard in one.shards("web", table):
            rows = zip(*(comparable_rows(lake, "web", table, shard) for lake in (two, one)), strict=True)
            assert [(table, name, a[name], b[name]) for a, b in rows for name in a if a[name] != b[name]] == []
    assert order.index("chunks") > order.index("documents")
    (first,), (second,) = held["0"], held["1"]
    assert first != second
    assert holders_by_device() == {}, "the workers have ended"
    assert refine_here(two, plan, "again").unchanged == set(SHARDS)


def test_a_killed_worker_costs_its_shard_and_another_takes_its_device(tmp_path, plan_of_one_level):
    lake = lake_at(tmp_path / "lake")
    killed: list[int] = []

    def kill_once(stage: str, shard: str) -> None:
        if stage == "documents" and not killed:
            killed.append(holders_by_device()["0"])
            psutil.Process(killed[0]).kill()

    result = refine_on_both(lake, plan_of_one_level, seen=kill_once)

    [(shard, error)] = result.errors.items()
    assert "was killed by signal 9" in str(error)
    assert sorted([*result.metrics, shard]) == SHARDS
    again = refine_here(lake, plan_of_one_level, "again")
    assert sorted(again.metrics) == SHARDS
    assert again.unchanged == set(SHARDS) - {shard}


def test_a_worker_without_a_device_holds_nothing_up(tmp_path, plan_of_one_level, capfd):
    lake = lake_at(tmp_path / "lake")
    with holding(1) as other:
        assert other.sees() == {"0"}
        result = refine_on_both(lake, plan_of_one_level)
        assert list(result.metrics) == SHARDS
        assert holders_by_device() == {"0": other.pid}
    assert f"waits for a device: leased are device 0 by process {other.pid}" in capfd.readouterr().err


def test_a_model_over_more_devices_than_there_are_fails_the_run_with_the_reason(tmp_path, plan):
    lake = lake_at(tmp_path / "lake")
    shards = discover_shards(lake, plan, "run").shards
    with pytest.raises(EngineStartError, match="3 devices are needed, and this machine has 2 devices"):
        refine_shards_in_processes(lake, plan, shards, "run", workers=1, devices=3, report=silently)
    assert lake.shards("web", Table.DOCUMENTS) == []
