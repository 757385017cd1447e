"""What is out of date under a configuration, why, and how it is told."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prox_assets.lake.chain import State
from prox_assets.lake.footers import forget_footers
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.refiners.presets import preset
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading.discovery import discover_shards, known_shards
from prox_assets.stages.run import ShardRun
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.stages.states.staleness import Staleness, staleness, summarize
from prox_assets_tests.lakes import files_of, table_file
from prox_assets_tests.stages.shard_runs import KEY, read_shard_of, write_pages

ALL = list(STAGES)


@pytest.fixture
def run(tmp_path: Path) -> ShardRun:
    """A shard that went through every stage."""
    run = read_shard_of(tmp_path, ["one", "two"], refiners=preset("keep-all"))
    with run.plan.session("doc") as doc, run.plan.session("chunk") as chunk:
        write_document_programs(run, doc)
        write_chunk_programs(run, chunk)
    refine_shard(run)
    measure_shard(run)
    return run


def found(run: ShardRun, **changes: Any) -> dict[str, Staleness]:
    given = {name: getattr(run.plan, name) for name in RefinementPlan.model_fields}
    plan = RefinementPlan.model_validate({**given, **changes})
    [stages] = staleness(run.lake, plan, known_shards(run.lake, "web").values()).values()
    assert list(stages) == ALL
    return stages


def open_stages(stages: dict[str, Staleness]) -> dict[str, str]:
    return {name: stage.reason for name, stage in stages.items() if stage.state is not State.DONE}


def test_nothing_is_stale_after_every_stage(run: ShardRun) -> None:
    assert open_stages(found(run)) == {}
    assert summarize(found(run).values()) == "5 done"


def test_a_moved_threshold_concerns_execution_alone(run: ShardRun) -> None:
    moved = found(run, policy=replace(run.plan.policy, line_keep_threshold=0.9))
    assert open_stages(moved) == {
        "refined_shards": "thresholds or executor have changed",
        "quality_metrics": "waiting for refined_shards",
    }
    assert summarize(moved.values()) == (
        "3 done, 2 stale: thresholds or executor have changed (1); waiting for refined_shards (1)"
    )


def test_another_refiner_concerns_inference_and_all_that_follows(run: ShardRun) -> None:
    assert open_stages(found(run, refiners=preset("rules"))) == {
        "doc_programs": "the document refiner has changed",
        "chunk_programs": "the chunk refiner has changed",
        "refined_shards": "waiting for doc_programs",
        "quality_metrics": "waiting for doc_programs",
    }


def test_a_replaced_file_concerns_everything(run: ShardRun, tmp_path: Path) -> None:
    write_pages(tmp_path / KEY, ["one", "two", "three"])
    discover_shards(run.lake, run.plan, "run-2")
    stale = open_stages(found(run))
    assert list(stale) == ALL
    assert stale["raw_shards"] == "the source file has changed"


def test_a_damaged_file_is_a_reason_and_hides_nothing(run: ShardRun) -> None:
    table_file(run.lake, "web", Table.CHUNK_PROGRAMS, run.shard).write_bytes(b"no parquet")
    assert open_stages(found(run))["chunk_programs"] == "its file is damaged"
    run.lake.storage.write_bytes(run.lake.manifest_path("web", run.shard), b"{")
    assert open_stages(found(run))["refined_shards"] == "its file is damaged"


def test_later_stages_are_not_opened_when_nobody_asks(run: ShardRun) -> None:
    table_file(run.lake, "web", Table.DOC_PROGRAMS, run.shard).write_bytes(b"no parquet")
    [stages] = staleness(run.lake, run.plan, known_shards(run.lake, "web").values(), "raw_shards").values()
    assert stages == {"raw_shards": Staleness(State.DONE)}


def remembered(run: ShardRun) -> dict[str, Staleness]:
    [stages] = staleness(run.lake, run.plan, known_shards(run.lake, "web").values(), remember=True).values()
    return stages


def opened(run: ShardRun, monkeypatch: pytest.MonkeyPatch) -> list[Table]:
    """Return the tables whose files a look opens; the look says what one says that remembers nothing."""
    tables: list[Table] = []
    read = Lake.info

    def counted(lake: Lake, corpus: str, table: Table, shard: str) -> FileInfo | None:
        if table in STAGES.values():
            tables.append(table)
        return read(lake, corpus, table, shard)

    with monkeypatch.context() as counting:
        counting.setattr(Lake, "info", counted)
        stages = remembered(run)
    forget_footers(run.lake, "web")
    assert stages == remembered(run)
    return tables


def test_only_files_that_were_replaced_are_opened_again(run: ShardRun, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_stages(remembered(run)) == {}
    assert opened(run, monkeypatch) == []
    again = ShardRun(run.lake, run.plan, run.shard, "run-2", force=True)
    refine_shard(again)
    assert open_stages(remembered(run)) == {"quality_metrics": "refined_shards are newer"}
    measure_shard(again)
    assert opened(run, monkeypatch) == [Table.SHARD_METRICS]
    assert open_stages(remembered(run)) == {}


def test_a_file_that_is_gone_or_damaged_since_the_last_look_is_told(run: ShardRun) -> None:
    remembered(run)
    file = table_file(run.lake, "web", Table.OUTCOMES, run.shard)
    written = file.read_bytes()
    file.write_bytes(b"no parquet")
    for _ in range(2):
        assert open_stages(remembered(run))["refined_shards"] == "its file is damaged"
    file.unlink()
    assert remembered(run)["refined_shards"] == Staleness(State.MISSING, "never made")
    file.write_bytes(written)
    run.lake.storage.remove(run.lake.manifest_path("web", run.shard))
    assert open_stages(remembered(run))["refined_shards"] == "an execution was cut short"


@pytest.mark.parametrize(
    "kept",
    [b"", b"no gzip", gzip.compress(b"{}"), gzip.compress(b'{"version": 0, "files": {"no": {}}}')],
    ids=["empty", "no gzip", "other JSON", "another version"],  # gzip writes the time into its bytes
)
def test_a_memory_that_cannot_be_read_is_none(run: ShardRun, kept: bytes) -> None:
    run.lake.storage.write_bytes("_footers/web.json.gz", kept)
    assert open_stages(remembered(run)) == {}


def test_a_memory_that_cannot_be_kept_is_no_error(run: ShardRun) -> None:
    run.lake.storage.write_bytes("_footers", b"a file where the folder should be")
    assert open_stages(remembered(run)) == {}


def test_a_look_from_the_command_line_writes_nothing(run: ShardRun) -> None:
    before = files_of(run.lake)
    found(run)
    assert files_of(run.lake) == before


def test_what_was_never_made_is_missing(tmp_path: Path) -> None:
    run = read_shard_of(tmp_path, ["one"], refiners=preset("keep-all"))
    missing = found(run)
    assert [stage.state for stage in missing.values()] == [State.DONE] + 4 * [State.MISSING]
    assert missing["doc_programs"].reason == "never made"


def test_a_model_that_is_not_here_is_not_compared(run: ShardRun) -> None:
    elsewhere = {"name": "m", "level": "doc", "model": "/no/such/folder", "prompt_format": "plain"}
    assert "doc_programs" not in open_stages(found(run, refiners={"name": "m", "doc": elsewhere}))
