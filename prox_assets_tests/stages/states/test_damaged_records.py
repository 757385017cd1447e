"""A damaged file of the table `shards`: the next listing writes it anew, and every reader names it."""

import gzip
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from prox_assets.corpora.shards import Shard
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.errors import DamagedTableError, LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards, known_shard, known_shards, record_shard
from prox_assets.stages.reading.shard_records import forget_records
from prox_assets.stages.run import StageError
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.withdrawal.shards import withdraw_shard
from prox_assets_tests.lakes import lake_at, table_file
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

PAGES = ["Menu\nA page of the story of the wall, which goes on for a while and ends here.", "Another page, kept."]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for name in ("a.json.gz", "b.json.gz"):
        write_pages(tmp_path / "raw" / name, PAGES)
        file = tmp_path / "raw" / name
        file.write_bytes(gzip.compress(file.read_bytes()))
    return tmp_path / "raw"


@pytest.fixture
def plan(raw: Path) -> RefinementPlan:
    return make_plan(raw)


def refine(lake: Lake, plan: RefinementPlan) -> set[str]:
    """Discover and refine; return what was current."""
    run_id = uuid.uuid4().hex
    shards = discover_shards(lake, plan, run_id).shards
    result = refine_shards(lake, plan, shards, run_id, report=lambda *_: lambda *_: None)
    assert result.errors == {}
    return set(result.unchanged)


def damage(lake: Lake, shard: str, how: str) -> None:
    path = Path(lake.storage.path(lake.table_path("web", Table.SHARDS, shard)))
    data = path.read_bytes()
    if how == "cut off":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:  # the footer is whole, the rows are not
        path.write_bytes(data[:4] + b"\xff" * 600 + data[604:])


@pytest.mark.parametrize("how", ["cut off", "empty", "rows"])
def test_a_listing_writes_a_damaged_record_anew_and_names_it(tmp_path: Path, plan: RefinementPlan, how: str) -> None:
    lake = lake_at(tmp_path / "lake")
    refine(lake, plan)
    before = known_shards(lake, "web")
    damage(lake, "a", how)
    with pytest.raises(DamagedTableError, match=r"web/shards/a\.parquet is damaged .*run the corpus's discovery"):
        known_shards(lake, "web")
    found = discover_shards(lake, plan, "run-2")
    [warning] = found.warnings
    assert "web/shards/a.parquet was damaged and has been written anew" in warning
    assert (found.added, found.changed, found.gone) == ((), (), {})
    after = known_shards(lake, "web")
    assert after["b"] == before["b"]
    assert after["a"].version == before["a"].version
    assert (before["a"].rows, after["a"].rows) == (2, None), "a listing does not count rows"
    assert discover_shards(lake, plan, "run-3").warnings == ()
    refine(lake, plan)
    assert known_shards(lake, "web") == before
    assert refine(lake, plan) == {"a", "b"}


def test_a_file_that_an_earlier_release_named_keeps_its_key(tmp_path: Path, raw: Path, plan: RefinementPlan) -> None:
    (raw / "b.json.gz").unlink()
    lake = lake_at(tmp_path / "lake")
    [shard] = discover_shards(lake_at(tmp_path / "other"), plan, "run").shards
    record_shard(lake, "web", Shard(**{**vars(shard), "key": "a.json.gz"}), "an earlier release")
    refine(lake, plan)
    damage(lake, "a.json.gz", "cut off")
    assert [shard.key for shard in discover_shards(lake, plan, "run").shards] == ["a.json.gz"]
    assert lake.shards("web", Table.SHARDS) == ["a.json.gz"]


def test_one_piece_of_a_file_that_is_cut_comes_back_with_its_rows(tmp_path: Path, raw: Path) -> None:
    source = CorpusSource.model_validate({"name": "web", "urls": [str(raw)], "rows_per_shard": 1})
    plan, lake = RefinementPlan(source=source, refiners=preset("keep-all")), lake_at(tmp_path / "lake")
    refine(lake, plan)
    before = known_shards(lake, "web")
    damage(lake, "a@1-2", "cut off")
    found = discover_shards(lake, plan, "run-2")
    assert len(found.warnings) == 1
    assert known_shards(lake, "web") == before


def test_a_damaged_record_of_a_shard_that_is_gone_stays_until_it_is_withdrawn(
    tmp_path: Path, raw: Path, plan: RefinementPlan
) -> None:
    lake = lake_at(tmp_path / "lake")
    refine(lake, plan)
    (raw / "a.json.gz").unlink()
    damage(lake, "a", "cut off")
    found = discover_shards(lake, plan, "run-2")
    [warning] = found.warnings
    assert "a.parquet is damaged, and the files that were listed do not have shard 'a'" in warning
    with pytest.raises(StageError, match="--force"):
        withdraw_shard(lake, "web", "a", "run-3")
    withdraw_shard(lake, "web", "a", "run-3", even_if_in_source=True)
    assert discover_shards(lake, plan, "run-4").warnings == ()
    assert known_shards(lake, "web").keys() == {"b"}


def test_another_file_of_that_name_does_not_slip_in(tmp_path: Path, raw: Path, plan: RefinementPlan) -> None:
    lake = lake_at(tmp_path / "lake")
    refine(lake, plan)
    damage(lake, "a", "cut off")
    with pytest.raises(StageError, match="name the corpus"):
        discover_shards(lake, plan, "run-2", may_move=False)


def test_a_record_of_another_schema_version_is_never_overwritten(tmp_path: Path, plan: RefinementPlan) -> None:
    lake = lake_at(tmp_path / "lake")
    refine(lake, plan)
    file = table_file(lake, "web", Table.SHARDS, "a")
    table = file.read_table()
    file.write_table(table.replace_schema_metadata({**table.schema.metadata, b"prox.schema_version": b"99"}))
    with pytest.raises(LakeError, match="lake schema version 99"):
        discover_shards(lake, plan, "run-2")
    with pytest.raises(LakeError, match="lake schema version 99"):
        known_shard(lake, "web", "a")


def opened_records(lake: Lake, plan: RefinementPlan, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Discover; return the shards whose records that opens."""
    opened: list[str] = []
    read = Lake.info

    def counted(self: Lake, corpus: str, table: Table, shard: str) -> FileInfo | None:
        if table is Table.SHARDS:
            opened.append(shard)
        return read(self, corpus, table, shard)

    with monkeypatch.context() as counting:
        counting.setattr(Lake, "info", counted)
        discover_shards(lake, plan, "look", remember=True)
    found = known_shards(lake, "web")
    forget_records(lake, "web")
    assert found == known_shards(lake, "web")
    discover_shards(lake, plan, "look", remember=True)
    return opened


def test_only_records_that_were_written_since_the_last_look_are_opened(
    tmp_path: Path, raw: Path, plan: RefinementPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_at(tmp_path / "lake")
    refine(lake, plan)
    assert opened_records(lake, plan, monkeypatch) == ["a", "b"]
    assert opened_records(lake, plan, monkeypatch) == []
    known = known_shards(lake, "web")
    record_shard(lake, "web", replace(known["b"], rows=7), "run-2")
    assert opened_records(lake, plan, monkeypatch) == ["b"]
    assert known_shards(lake, "web") == {**known, "b": replace(known["b"], rows=7)}
    withdraw_shard(lake, "web", "a", "run-3", even_if_in_source=True)
    assert known_shards(lake, "web").keys() == {"b"}
    lake.storage.write_bytes("_footers/web.shards.parquet", b"no parquet")
    assert opened_records(lake, plan, monkeypatch) == ["b"]
