"""Documents that are withdrawn: gone from everywhere, with nothing else changed, and not back after any run."""

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prox_assets.catalog.connection import open_catalog
from prox_assets.housekeeping.leftovers import leftovers
from prox_assets.housekeeping.withdrawing import Done, carry_out, find, waiting_shards
from prox_assets.lake.chain import State
from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import unfinished
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.publishing import forget
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.reading.discovery import known_shards
from prox_assets.stages.run import ShardRun
from prox_assets.stages.states.shard_states import shard_states
from prox_assets.stages.states.staleness import staleness
from prox_assets_tests.housekeeping.refined_lake import (
    NAMED,
    PAGES,
    URL,
    document,
    everything_else,
    places_of,
    plan_of,
    refine,
    refined_lake,
    words_of,
    write_raw,
)
from prox_assets_tests.lakes import files_of
from prox_assets_tests.stages.shard_runs import write_pages

TABLES = [table for table in Table if table not in (Table.SHARDS, Table.JUDGEMENTS, Table.COMPUTE)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return refined_lake(tmp_path)


def by_url(url: str = URL) -> Withdrawal:
    return Withdrawal(WithdrawnBy.URL, url, "asked by its author")


def withdraw(lake: Lake, *requests: Withdrawal, resume: bool = False, later: bool = False) -> Done:
    return carry_out(lake, find(lake, requests, resume=resume), "prox-withdraw", later=later)


def of_a(lake: Lake) -> Withdrawal:
    return Withdrawal(WithdrawnBy.TEXT_HASH, document(lake)["text_hash"], "asked by its author")


def contents(lake: Lake) -> dict[str, Any]:
    """Return what each file of the tables says: rows and footer, the time of measuring aside."""
    found: dict[str, Any] = {}
    for table in TABLES:
        for shard in lake.shards("web", table):
            info = lake.info("web", table, shard)
            assert info is not None
            rows = [{**row, "detail": row.get("detail") and "..."} for row in lake.rows("web", table, shard)]
            found[f"{table}/{shard}"] = rows, info.identity, info.fingerprint, info.run_id, info.notes
    return {**found, "execution": lake.executions("web", ["a.jsonl", "b.jsonl"])}


def adds_up(lake: Lake) -> bool:
    shards = ("a.jsonl", "b.jsonl")
    return not any(schema_problems(lake, "web", key) or reconcile(lake, "web", key).problems for key in shards)


def test_a_withdrawn_document_is_gone_everywhere_and_does_not_come_back(lake: Lake, tmp_path: Path) -> None:
    everything_else(lake, tmp_path)
    page = document(lake)
    before = places_of(lake, words_of(page))
    tables = {path.split("/")[1] for path in before if path.startswith("web/")}
    assert {"documents", "refined", "judgements", "compacted", "edits"} <= tables
    published = ("data/web/train-00000-of-00001.parquet", "programs/web/a.jsonl.parquet")
    assert {f"_published/pages/{name}" for name in published} <= set(before)
    assert {"_tokens/web/documents/train/web/a.jsonl.parquet", "_proofs/proof/selector_scores/dsir.parquet"} <= {
        *before
    }
    done = withdraw(lake, of_a(lake))
    assert (done.failed, done.waiting, done.exports) == ([], {}, [("dataset pages", 1), ("tokens web", 1)])
    assert places_of(lake, words_of(page)) == []
    assert adds_up(lake)
    assert leftovers(lake, "web") == []
    with open_catalog(lake) as con:
        assert con.sql("SELECT count(*) FROM document_index").fetchall() == [(5,)]
    for refiner in ("rules", "lines"):
        refine(lake, tmp_path, refiner)
        assert places_of(lake, words_of(page)) == []
    assert adds_up(lake)
    [reject] = lake.rows("web", Table.REJECTS, "a.jsonl")
    assert (reject["reason"], reject["source_row"], reject["excerpt"]) == ("withdrawn", 1, "")
    assert reject["detail"] == f"withdrawal {withdrawn(lake).withdrawals[0].name}"


def test_an_export_that_was_cut_short_is_finished(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    everything_else(lake, tmp_path)
    page = document(lake)
    monkeypatch.setattr(forget, "finish", killed)
    with pytest.raises(KeyboardInterrupt):
        withdraw(lake, of_a(lake))
    monkeypatch.undo()
    assert any("README.md" in place for place in places_of(lake, words_of(page)))
    withdraw(lake, resume=True)
    assert places_of(lake, words_of(page)) == []
    assert not lake.storage.exists("_published/pages/_unfinished.json")


def test_nothing_becomes_stale_and_nothing_is_inferred_or_executed_again(lake: Lake, tmp_path: Path) -> None:
    before = {path: row for path, row in contents(lake).items() if "metrics" not in path}
    withdraw(lake, of_a(lake))
    after = contents(lake)
    for path, state in before.items():
        if path == "execution" or "/b.jsonl" in path:
            assert after[path] == state, path
        else:
            assert after[path][1:] == state[1:], path
            ids = [row for row in state[0] if row.get("source_row") != 1]
            assert [row for row in after[path][0] if row.get("source_row") != 1] == ids, path
    assert refine(lake, tmp_path).unchanged == {"a.jsonl", "b.jsonl"}
    metrics = next(lake.rows("web", Table.SHARD_METRICS, "a.jsonl"))
    assert (metrics["documents_in"], metrics["rows_rejected"]) == (2, 1)
    assert [row["documents_in"] for row in lake.rows("web", Table.SHARD_METRICS_HISTORY, "a.jsonl")] == [2]
    assert metrics["characters_in"] == sum(len(PAGES[row]) for row in (0, 2))


@pytest.mark.parametrize(
    ("by", "value", "shards"),
    [
        (WithdrawnBy.URL, "http://EXAMPLE.org/1/#top", {"a.jsonl", "b.jsonl"}),
        (WithdrawnBy.URL, "example.org/1", {"a.jsonl", "b.jsonl"}),
        (WithdrawnBy.URL, "https://example.org/", set()),
        (WithdrawnBy.DOMAIN, "org", {"a.jsonl", "b.jsonl"}),
        (WithdrawnBy.DOMAIN, "ample.org", set()),
        (WithdrawnBy.DOC_ID, "0" * 32, set()),
    ],
)
def test_what_a_request_covers(lake: Lake, by: WithdrawnBy, value: str, shards: set[str]) -> None:
    found = find(lake, [Withdrawal(by, value, "")])
    assert {shard for _, shard in found.documents} == shards
    assert files_of(lake).keys() == files_of(lake).keys()
    assert not withdrawn(lake), "looking remembers nothing"


def test_all_documents_of_a_lake_can_go(lake: Lake, tmp_path: Path) -> None:
    withdraw(lake, Withdrawal(WithdrawnBy.DOMAIN, "Example.org", "theirs"))
    assert [lake.require("web", Table.DOCUMENTS, shard).rows for shard in ("a.jsonl", "b.jsonl")] == [0, 0]
    assert adds_up(lake)
    refine(lake, tmp_path, "lines")
    assert adds_up(lake)


def test_pages_that_come_later_are_left_out(lake: Lake, tmp_path: Path) -> None:
    withdraw(lake, by_url("https://example.org/7"))
    page = "This one would be kept: a page of the story of the wall, which goes on for a while and ends."
    write_pages(tmp_path / "raw" / "c.jsonl", [page] * 9)
    refine(lake, tmp_path)
    assert [row["source_row"] for row in lake.rows("web", Table.REJECTS, "c.jsonl")] == [7]
    assert lake.require("web", Table.DOCUMENTS, "c.jsonl").rows == 8
    assert leftovers(lake, "web") == []


def test_another_page_in_its_place_is_another_document(lake: Lake, tmp_path: Path) -> None:
    withdraw(lake, of_a(lake))
    write_pages(tmp_path / "raw" / "a.jsonl", [text.replace(NAMED, "Somewhere") for text in PAGES])
    refine(lake, tmp_path)
    assert lake.require("web", Table.DOCUMENTS, "a.jsonl").rows == 3
    assert leftovers(lake, "web") == []


def test_what_waits_is_stale_and_the_next_run_removes_it(lake: Lake, tmp_path: Path) -> None:
    page, identity = document(lake), lake.require("web", Table.DOCUMENTS, "a.jsonl").identity
    done = withdraw(lake, of_a(lake), later=True)
    assert done.waiting.keys() == {("web", "a.jsonl")}
    assert NAMED in document(lake)["text"]
    a, b = shard_states(lake, "web", known_shards(lake, "web").values())
    assert set(a.stages.values()) == {State.STALE}
    assert set(b.stages.values()) == {State.DONE}
    stale = staleness(lake, plan_of(tmp_path), known_shards(lake, "web").values())
    assert stale["a.jsonl"]["raw_shards"].reason == "documents were withdrawn"
    assert stale["b.jsonl"]["quality_metrics"].state is State.DONE
    assert leftovers(lake, "web") != []
    assert refine(lake, tmp_path).unchanged == {"a.jsonl", "b.jsonl"}, "the run removes rows, and makes nothing"
    assert places_of(lake, words_of(page)) == []
    assert waiting_shards(lake) == {}
    assert leftovers(lake, "web") == []
    assert lake.require("web", Table.DOCUMENTS, "a.jsonl").identity == identity


def test_a_shard_that_a_live_run_writes_waits(lake: Lake) -> None:
    page = document(lake)
    with Lease(lake.storage, "web", "chunk_programs", "a.jsonl", "a-live-run", heartbeat_seconds=0.05):
        done = withdraw(lake, of_a(lake))
        assert "a-live-run" in done.waiting["web", "a.jsonl"]
    assert withdraw(lake, resume=True).waiting == {}
    assert places_of(lake, words_of(page)) == []


def test_windows_before_the_document_stay(lake: Lake) -> None:
    folder = "_resume/web/doc_programs/a.jsonl/0"
    lake.storage.write_bytes(f"{folder}/ledger.json", b'{"window_documents": 1}')
    for window in range(3):
        lake.storage.write_bytes(f"{folder}/{window:08d}.parquet", b"")
    withdraw(lake, of_a(lake))
    assert lake.storage.list_files(folder) == ["00000000.parquet", "ledger.json"]


def test_a_damaged_table_of_the_shard_is_removed_and_made_again(lake: Lake, tmp_path: Path) -> None:
    lake.storage.write_bytes(lake.table_path("web", Table.EDITS, "a.jsonl"), b"PAR1 rubbish")
    page = document(lake)
    [removal] = withdraw(lake, of_a(lake)).removals
    assert removal.damaged == (Table.EDITS,)
    refine(lake, tmp_path)
    assert adds_up(lake)
    assert places_of(lake, words_of(page)) == []


def test_documents_that_were_lost_do_not_bring_theirs_back(lake: Lake, tmp_path: Path) -> None:
    page, request = document(lake), of_a(lake)
    lake.storage.write_bytes(lake.table_path("web", Table.DOCUMENTS, "a.jsonl"), b"PAR1 rubbish")
    found = find(lake, [request])
    assert found.damaged.keys() == {("web", "a.jsonl")}
    carry_out(lake, found, "prox-withdraw")
    lake.storage.remove(lake.table_path("web", Table.DOCUMENTS, "a.jsonl"))
    refine(lake, tmp_path)
    assert places_of(lake, words_of(page)) == []
    assert adds_up(lake)


def test_a_run_that_reads_the_page_meanwhile_does_not_publish_it(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, read_shard = of_a(lake), raw_shards.read_shard

    def reading(*given: Any) -> Iterator[Any]:
        for row in read_shard(*given):
            if not withdrawn(lake):
                withdraw(lake, request)
            yield row

    monkeypatch.setattr(raw_shards, "read_shard", reading)
    run = ShardRun(lake, plan_of(tmp_path), "a.jsonl", "run")
    with pytest.raises(RetryableLakeError, match="withdrawn while"):
        raw_shards.read_raw_shard(run)
    monkeypatch.undo()
    assert raw_shards.read_raw_shard(run).rejects == {"withdrawn": 1}


def test_what_was_written_after_the_search_is_withdrawn_too(lake: Lake, tmp_path: Path) -> None:
    found = find(lake, [Withdrawal(WithdrawnBy.URL, "example.org/2", "")])
    write_pages(tmp_path / "raw" / "c.jsonl", PAGES)
    refine(lake, tmp_path)
    done = carry_out(lake, found, "prox-withdraw")
    assert done.places.keys() == {("web", f"{name}.jsonl") for name in "abc"}
    assert leftovers(lake, "web") == []


class _Cut(BaseException):
    """A cut in the middle, which nothing catches."""


def _writes(monkeypatch: pytest.MonkeyPatch, allowed: int | None) -> Iterator[int]:
    """Count changes of a lake, leases and temporary files aside; after some of them, none is made any more."""
    count = 0
    replace_, remove = Path.replace, Storage.remove

    def step(path: str) -> None:
        nonlocal count
        if "_leases" in path or "_tmp" in path:
            return
        if allowed is not None and count >= allowed:
            raise _Cut
        count += 1

    def replacing(self: Path, target: str) -> Path:
        step(str(target))
        return replace_(self, target)

    def removing(self: Storage, relative: str) -> None:
        step(relative)
        remove(self, relative)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replacing)
        patch.setattr(Storage, "remove", removing)
        yield 0
    yield count


@pytest.mark.local_lake
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.trial)])
def test_a_withdrawal_can_be_cut_short_at_every_write(
    every: int, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, request = document(lake), of_a(lake)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "lake", whole)
    counting = _writes(monkeypatch, None)
    next(counting)
    withdraw(lake, request)
    wanted, steps = contents(lake), next(counting)
    assert steps > 15
    for cut in range(0, steps, every):
        again = tmp_path / f"cut-{cut}"
        shutil.copytree(whole, again)
        interrupted = Lake(str(again))
        counting = _writes(monkeypatch, cut)
        next(counting)
        with pytest.raises(_Cut):
            withdraw(interrupted, request)
        next(counting)
        refined = interrupted.scan("web", Table.REFINED, ["a.jsonl"]).select("doc_id").collect()["doc_id"]
        outcomes = interrupted.scan("web", Table.OUTCOMES, ["a.jsonl"]).select("doc_id", "outcome").collect()
        kept = outcomes.filter(pl.col("outcome").str.starts_with("kept"))["doc_id"]
        assert set(refined) == set(kept), f"half of it is shown after {cut} writes"
        if cut % 8 or not unfinished(interrupted):
            withdraw(interrupted, request)
        else:  # the shard's next run does its part, and whoever resumes does the rest
            shutil.rmtree(tmp_path / "raw")
            write_raw(tmp_path)
            withdraw(interrupted, resume=True)
            if not withdrawn(interrupted):
                withdraw(interrupted, request)
        assert contents(interrupted) == wanted, f"after {cut} writes"
        assert places_of(interrupted, words_of(page)) == [], f"after {cut} writes"
        assert not unfinished(interrupted)
        shutil.rmtree(again)


@pytest.mark.local_lake
@pytest.mark.parametrize("file", ["outcomes/a.jsonl.parquet", "manifests/a.jsonl.json"])
def test_a_killed_withdrawal_is_finished_by_the_next_run(lake: Lake, tmp_path: Path, file: str) -> None:
    """Killed with SIGKILL as a file is put in place: among the tables, or before the shard is shown again."""
    page, request = document(lake), of_a(lake)
    script = f"""
        import os, signal
        from pathlib import Path
        from prox_assets.housekeeping.withdrawing import carry_out, find
        from prox_assets.lake.lake import Lake
        from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy
        replace = Path.replace
        def dying(self, target):
            if str(target).endswith({file!r}):
                os.kill(os.getpid(), signal.SIGKILL)
            return replace(self, target)
        Path.replace = dying
        lake = Lake({lake.url!r})
        request = Withdrawal(WithdrawnBy.TEXT_HASH, {request.value!r}, "")
        carry_out(lake, find(lake, [request]), "killed")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert lake.execution("web", "a.jsonl") is None, "nobody sees half of it"
    assert refine(lake, tmp_path).unchanged == {"a.jsonl", "b.jsonl"}
    assert [path for path in places_of(lake, words_of(page)) if path.startswith("web/")] == []
    assert withdraw(lake, resume=True).failed == []
    assert leftovers(lake, "web") == []
    assert adds_up(lake)
