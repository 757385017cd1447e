"""A shard whose file has left the source: the lake says since when, and lets go of it only when told to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.connection import ask_catalog, open_catalog
from prox_assets.catalog.queries.shards import GONE_COLUMNS, gone_shards
from prox_assets.lake.errors import LakeError, LeaseHeldError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.monitoring.report.page import assemble, render
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards, known_shard, known_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun, StageError
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.stages.withdrawal.shards import StillInSourceError, withdraw_shard
from prox_assets_tests.lakes import files_of, lake_at, table_file
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

PAGES = ["Menu\nA page of the story of the wall, which goes on for a while and ends here.", "Another page, kept."]
GONE, STAYS = "a.jsonl", "b.jsonl"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for name in (GONE, STAYS):
        write_pages(tmp_path / "raw" / name, PAGES)
    return tmp_path / "raw"


@pytest.fixture
def plan(raw: Path) -> RefinementPlan:
    return make_plan(raw)


@pytest.fixture
def lake(tmp_path: Path, raw: Path, plan: RefinementPlan) -> Lake:
    """Two shards, refined; the file of the first has left since."""
    lake = lake_at(tmp_path / "lake")
    shards = discover_shards(lake, plan, "run-1").shards
    assert refine_shards(lake, plan, shards, "run-1", report=lambda *_: lambda *_: None).errors == {}
    (raw / GONE).rename(raw.parent / GONE)
    return lake


def gone_in(lake: Lake) -> dict[str, datetime]:
    return dict(ask_catalog(lake, gone_shards, only=[Table.SHARDS], columns=GONE_COLUMNS))


def test_a_listing_notes_when_it_first_missed_a_file(lake: Lake, plan: RefinementPlan) -> None:
    before = datetime.now(UTC)
    assert discover_shards(lake, plan, "run-2").gone.keys() == {GONE}
    since = known_shard(lake, "web", GONE).gone_since
    assert since is not None
    assert before - timedelta(seconds=1) <= since <= datetime.now(UTC)
    assert discover_shards(lake, plan, "run-3").gone == {GONE: since}
    assert known_shards(lake, "web")[GONE].gone_since == since, "and since the first time"
    assert known_shard(lake, "web", STAYS).gone_since is None
    assert gone_in(lake) == {GONE: since}


def test_a_file_that_is_back_is_not_gone(lake: Lake, raw: Path, plan: RefinementPlan) -> None:
    discover_shards(lake, plan, "run-2")
    (raw.parent / GONE).rename(raw / GONE)
    found = discover_shards(lake, plan, "run-3")
    assert (found.gone, found.added, found.changed) == ({}, (), ())
    assert known_shard(lake, "web", GONE).gone_since is None
    assert gone_in(lake) == {}
    assert refine_shards(lake, plan, found.shards, "run-4", report=lambda *_: lambda *_: None).unchanged == {
        GONE,
        STAYS,
    }


def test_a_file_that_can_be_read_is_not_gone(lake: Lake, raw: Path, plan: RefinementPlan) -> None:
    discover_shards(lake, plan, "run-2")
    (raw.parent / GONE).rename(raw / GONE)
    read_raw_shard(ShardRun(lake, plan, GONE, "run-3"))
    assert known_shard(lake, "web", GONE).gone_since is None


def test_nothing_follows_from_files_that_a_command_does_not_name(lake: Lake, raw: Path) -> None:
    found = discover_shards(lake, make_plan(raw / STAYS), "run-2", whole=False)
    assert found.gone == {}
    assert known_shard(lake, "web", GONE).gone_since is None


def test_shards_recorded_by_an_earlier_release_are_there(lake: Lake, plan: RefinementPlan) -> None:
    for shard in (GONE, STAYS):
        file = table_file(lake, "web", Table.SHARDS, shard)
        file.write_table(file.read_table().drop_columns(["gone_since"]))
    compact(lake, "web")
    assert [shard.gone_since for shard in known_shards(lake, "web").values()] == [None, None]
    assert known_shard(lake, "web", GONE).gone_since is None
    assert gone_in(lake) == {}
    discover_shards(lake, plan, "run-2")
    assert gone_in(lake).keys() == {GONE}


def test_the_report_says_what_is_gone(lake: Lake, plan: RefinementPlan) -> None:
    assert "no longer in the source" not in render(assemble(lake, "web"))
    discover_shards(lake, plan, "run-2")
    page = " ".join(render(assemble(lake, "web")).split())
    assert '1 of these shards is no longer in the source</b>: <span class="code">a.jsonl</span> (since 20' in page


def test_a_withdrawn_shard_leaves_nothing_but_its_cost_and_the_others_stay_as_they_are(
    lake: Lake, plan: RefinementPlan
) -> None:
    discover_shards(lake, plan, "run-2")
    compact(lake, "web")
    lake.storage.write_bytes(f"_resume/web/doc_programs/{GONE}/0/ledger.json", b"{}")
    of_others = {path: data for path, data in files_of(lake).items() if GONE not in path}
    withdraw_shard(lake, "web", GONE, "run-3")
    assert files_of(lake) == of_others
    assert known_shards(lake, "web").keys() == {STAYS}
    for table in set(Table) - {Table.COMPUTE}:
        assert set(lake.scan("web", table).select("shard").collect().to_series()) <= {STAYS}
    with open_catalog(lake) as con:
        for view in (*(SCHEMAS.keys() - {Table.COMPUTE}), "document_index"):
            assert set(con.view(view).pl()["shard"]) <= {STAYS}, view
    assert discover_shards(lake, plan, "run-4").gone == {}


def test_a_shard_whose_file_is_there_is_withdrawn_only_if_insisted_on(lake: Lake) -> None:
    before = files_of(lake)
    with pytest.raises(StillInSourceError, match=r"in the source, as of the last listing: .*raw/b.jsonl.*--force"):
        withdraw_shard(lake, "web", STAYS, "run-2")
    assert files_of(lake) == before
    withdraw_shard(lake, "web", STAYS, "run-2", even_if_in_source=True)
    assert known_shards(lake, "web").keys() == {GONE}


@pytest.mark.parametrize("asset", STAGES)
def test_a_shard_that_a_live_run_writes_is_not_withdrawn(lake: Lake, plan: RefinementPlan, asset: str) -> None:
    discover_shards(lake, plan, "run-2")
    with Lease(lake.storage, "web", asset, GONE, "a-live-run", heartbeat_seconds=0.05):
        before = {path for path in files_of(lake) if not path.startswith(("_leases", "_tmp"))}
        with pytest.raises(LeaseHeldError, match="a-live-run"):
            withdraw_shard(lake, "web", GONE, "run-3")
        assert {path for path in files_of(lake) if not path.startswith(("_leases", "_tmp"))} == before
    withdraw_shard(lake, "web", GONE, "run-3")
    assert not [path for path in files_of(lake) if GONE in path], "its own leases are given back too"


def test_an_interrupted_withdrawal_can_be_finished(
    lake: Lake, plan: RefinementPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    discover_shards(lake, plan, "run-2")
    remove = lake.storage.remove
    steps = iter(range(6))

    def removing(path: str) -> None:
        if GONE in path and not path.startswith("_leases") and next(steps, None) is None:
            raise OSError("the store is away")
        remove(path)

    monkeypatch.setattr(lake.storage, "remove", removing)
    with pytest.raises(OSError, match="away"):
        withdraw_shard(lake, "web", GONE, "run-3")
    monkeypatch.undo()
    assert lake.execution("web", GONE) is None, "no reader sees half of it"
    withdraw_shard(lake, "web", GONE, "run-4")
    assert not [path for path in files_of(lake) if GONE in path]


@pytest.mark.parametrize("key", ["c.jsonl", "../web/shards/a.jsonl", "", "_x"])
def test_an_unknown_shard_is_refused(lake: Lake, key: str) -> None:
    before = files_of(lake)
    with pytest.raises((StageError, LakeError)):
        withdraw_shard(lake, "web", key, "run-2", even_if_in_source=True)
    assert files_of(lake) == before
