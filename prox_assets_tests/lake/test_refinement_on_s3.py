"""A whole refinement into an object store: every stage, leases, ledgers, manifest and metrics."""

from collections.abc import Callable

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.states.shard_states import State, shard_states
from prox_assets_tests.stages.shard_runs import make_plan, write_pages


def silent(stage: str, shard: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def test_a_shard_is_refined_and_adds_up_and_leaves_no_work_in_progress(s3_lake, tmp_path):
    write_pages(tmp_path / "raw" / "a.jsonl", [f"Menu\nA page about the number {n}." for n in range(30)])
    plan = make_plan(tmp_path / "raw", window_documents=15)
    shards = discover_shards(s3_lake, plan, "run-1").shards
    result = refine_shards(s3_lake, plan, shards, "run-1", report=silent)
    assert result.errors == {}
    assert [row["documents_in"] for row in result.metrics.values()] == [30]
    assert reconcile(s3_lake, "web", "a.jsonl").problems == ()
    assert schema_problems(s3_lake, "web", "a.jsonl") == ()
    assert s3_lake.scan("web", Table.OUTCOMES).collect().height == 30
    [state] = shard_states(s3_lake, "web", shards)
    assert set(state.stages.values()) == {State.DONE}
    assert not s3_lake.storage.exists("_resume")
    assert not s3_lake.storage.exists("_leases")
    again = refine_shards(s3_lake, plan, discover_shards(s3_lake, plan, "run-2").shards, "run-2", report=silent)
    assert {row["run_id"] for row in again.metrics.values()} == {"run-1"}
