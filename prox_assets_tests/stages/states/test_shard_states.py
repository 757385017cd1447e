"""Where a shard stands, and discovery: new, changed and gone sources."""

import os

import pytest

from prox_assets.lake.errors import LakeError
from prox_assets.lake.schemas import Table
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading.discovery import discover_shards, known_shard, known_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun, StageError
from prox_assets.stages.states.shard_states import STAGES, ShardState, State, shard_states
from prox_assets.stages.states.staleness import staleness
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.fake_refiners import FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import KEY, infer, make_plan, read_shard_of, write_pages


def state_of(run: ShardRun) -> ShardState:
    known = known_shards(run.lake, "web")
    [state] = shard_states(run.lake, "web", known.values())
    for _ in range(2):  # what a check leaves in the lake changes nothing
        assert shard_states(run.lake, "web", known.values(), recall=True) == [state]
        staleness(run.lake, run.plan, known.values(), remember=True)
    return state


def states(run: ShardRun) -> list[State]:
    found = state_of(run).stages
    assert list(found) == list(STAGES)
    return list(found.values())


def test_stages_become_done_one_after_the_other_and_stale_all_at_once(tmp_path):
    done, stale, missing = State.DONE, State.STALE, State.MISSING
    run = read_shard_of(tmp_path, ["one", "two"])
    assert states(run) == [done, missing, missing, missing, missing]
    infer(run)
    assert states(run) == [done, done, done, missing, missing]
    refine_shard(run)
    measure_shard(run)
    assert states(run) == [done] * 5
    write_document_programs(run, FakeSession("doc", FakeDocuments(), fingerprint="new"))
    assert states(run) == [done, done, stale, stale, stale]
    write_pages(tmp_path / KEY, ["one", "two", "three"])
    discover_shards(run.lake, run.plan, "run-2")
    assert states(run) == [stale] * 5


def test_an_execution_that_no_manifest_names_is_stale(tmp_path):
    run = read_shard_of(tmp_path, ["one"])
    infer(run)
    refine_shard(run)
    run.lake.storage.remove(run.lake.manifest_path("web", run.shard))
    assert states(run)[3:] == [State.STALE, State.MISSING]


def test_a_state_says_how_many_documents_whose_programs_and_when(tmp_path):
    run = read_shard_of(tmp_path, ["one", "two"])
    infer(run)
    state = state_of(run)
    assert (state.documents, state.limited, state.doc_refiner, state.chunk_refiner) == (2, False, "fake", "fake")
    assert state.updated is not None
    read_raw_shard(run, limit=1)
    assert (state_of(run).documents, state_of(run).limited) == (1, True)
    read_raw_shard(run, limit=5)
    assert (state_of(run).documents, state_of(run).limited) == (2, False)


def test_discovery_reports_new_changed_and_gone_shards(tmp_path):
    lake, plan = lake_at(tmp_path / "lake"), make_plan(tmp_path / "raw")
    for name in "ab":
        write_pages(tmp_path / "raw" / f"{name}.jsonl", ["one"])
    found = discover_shards(lake, plan, "run")
    assert (found.added, found.changed, tuple(found.gone)) == (("a.jsonl", "b.jsonl"), (), ())
    write_pages(tmp_path / "raw" / "a.jsonl", ["one", "more"])
    (tmp_path / "raw" / "b.jsonl").rename(tmp_path / "raw" / "c.jsonl")
    found = discover_shards(lake, plan, "run")
    assert (found.added, found.changed, tuple(found.gone)) == (("c.jsonl",), ("a.jsonl",), ("b.jsonl",))
    assert list(known_shards(lake, "web")) == ["a.jsonl", "b.jsonl", "c.jsonl"], "nothing is forgotten"
    assert discover_shards(lake, plan, "run").changed == ()


def test_listing_an_unchanged_source_again_writes_nothing_and_keeps_counted_rows(tmp_path):
    run = read_shard_of(tmp_path, ["one", "two"])
    before = run.lake.require("web", Table.SHARDS, KEY)
    discover_shards(run.lake, run.plan, "run-2")
    assert run.lake.require("web", Table.SHARDS, KEY) == before
    assert known_shard(run.lake, "web", KEY).rows == 2


def test_a_file_touched_after_it_was_listed_is_reported_when_it_is_read(tmp_path):
    run = read_shard_of(tmp_path, ["one"])
    os.utime(tmp_path / KEY, (1, 1))
    assert read_raw_shard(run).source_changed
    assert not read_raw_shard(run).source_changed


def test_a_shard_that_was_never_discovered_is_refused(tmp_path):
    run = read_shard_of(tmp_path, ["one"])
    with pytest.raises(StageError, match=r"'other' of corpus 'web' is not recorded.*prox"):
        known_shard(run.lake, "web", "other")


def test_a_damaged_record_of_a_shard_is_named(tmp_path):
    run = read_shard_of(tmp_path, ["one"])
    path = run.lake.table_path("web", Table.SHARDS, KEY)
    run.lake.storage.write_bytes(path, b"nonsense")
    with pytest.raises(LakeError, match="run the corpus's discovery"):
        known_shards(run.lake, "web")
