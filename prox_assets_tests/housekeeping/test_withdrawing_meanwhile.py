"""What else happens while documents are withdrawn: other withdrawals, runs, exports; and damaged files in the way."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_assets.housekeeping.leftovers import leftovers
from prox_assets.housekeeping.withdrawing import Done, carry_out, find, waiting_shards
from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.monitoring.metrics.reconciliation import reconcile
from prox_assets.publishing import publish as publishing
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.run import ShardRun
from prox_assets.stages.withdrawal import documents as withdrawn_documents
from prox_assets_tests.housekeeping.refined_lake import (
    PUBLISHED,
    document,
    places_of,
    plan_of,
    refine,
    refined_lake,
    words_of,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return refined_lake(tmp_path)


def request_of(lake: Lake, row: int = 1) -> Withdrawal:
    return Withdrawal(WithdrawnBy.TEXT_HASH, document(lake, row=row)["text_hash"], "")


def withdraw(lake: Lake, request: Withdrawal, *, later: bool = False) -> Done:
    return carry_out(lake, find(lake, [request]), "prox-withdraw", later=later)


def test_a_run_takes_away_only_marks_that_it_has_acted_on(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = request_of(lake), request_of(lake, row=2)
    withdraw(lake, first, later=True)
    measure = withdrawn_documents._measure_again

    def measuring(*given: Any) -> None:
        measure(*given)
        withdraw(lake, second, later=True)

    monkeypatch.setattr(withdrawn_documents, "_measure_again", measuring)
    withdrawn_documents.remove_what_is_pending(lake, "web", "a.jsonl", "run")
    monkeypatch.undo()
    assert waiting_shards(lake) == {"web": {"a.jsonl"}}
    withdrawn_documents.remove_what_is_pending(lake, "web", "a.jsonl", "run")
    assert waiting_shards(lake) == {}
    assert leftovers(lake, "web") == []


def test_what_is_withdrawn_as_a_run_puts_its_files_in_place_goes_too(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, answers = request_of(lake), []

    def asking(lake: Lake) -> Any:
        answers.append(withdrawn(lake))
        if len(answers) == 2:  # the last look before the files are put in place
            remember(lake, request)
        return answers[-1]

    monkeypatch.setattr(raw_shards, "withdrawn", asking)
    raw_shards.read_raw_shard(ShardRun(lake, plan_of(tmp_path), "a.jsonl", "run"))
    assert leftovers(lake, "web") == []


def test_an_export_that_was_written_after_the_search_is_rewritten(lake: Lake) -> None:
    page = document(lake)
    found = find(lake, [request_of(lake)])
    publishing.publish(lake, PUBLISHED)
    assert carry_out(lake, found, "prox-withdraw").exports == [("dataset pages", 1)]
    assert places_of(lake, words_of(page)) == []


def test_a_data_set_and_a_withdrawal_do_not_meet(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    page, request, write_data = document(lake), request_of(lake), publishing.write_data

    def writing(*given: Any) -> Any:
        files = write_data(*given)
        remember(lake, request)
        return files

    monkeypatch.setattr(publishing, "write_data", writing)
    with pytest.raises(RetryableLakeError, match="withdrawn while data set pages"):
        publishing.publish(lake, PUBLISHED)
    monkeypatch.undo()
    assert not lake.storage.exists("_published/pages/manifest.json")
    assert publishing.publish(lake, PUBLISHED).changed
    assert [path for path in places_of(lake, words_of(page)) if path.startswith("_published")] == []
    other = request_of(lake, row=2)
    with Lease(lake.storage, "_published", "publish", "pages", "a-live-run", heartbeat_seconds=0.05):
        assert "a-live-run" in withdraw(lake, other).failed[0]


def test_a_damaged_export_does_not_stop_the_rest(lake: Lake) -> None:
    publishing.publish(lake, PUBLISHED)
    lake.storage.write_bytes("_published/pages/data/web/train-00000-of-00001.parquet", b"PAR1 rubbish")
    done = withdraw(lake, request_of(lake))
    assert "dataset pages could not be looked into" in done.failed[0]
    assert done.places == {("web", "a.jsonl"): 1}


def spoil(lake: Lake, table: Table, column: str) -> None:
    """Damage the pages of a column of shard `a`; the footer stays sound."""
    path = lake.table_path("web", table, "a.jsonl")
    data = bytearray(lake.storage.read_bytes(path) or b"")
    with lake.storage.open(path) as file:
        group = pq.read_metadata(file).row_group(0)
    [chunk] = [each for at in range(group.num_columns) if (each := group.column(at)).path_in_schema == column]
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    lake.storage.write_bytes(path, bytes(data))


@pytest.mark.parametrize("column", ["url", "text", None])
def test_documents_or_rejects_that_cannot_be_read_are_made_anew(lake: Lake, tmp_path: Path, column: str | None) -> None:
    page, request = document(lake), request_of(lake)
    withdraw(lake, request_of(lake, row=2))
    rejects = lake.table_path("web", Table.REJECTS, "a.jsonl")
    spoil(lake, Table.DOCUMENTS, column) if column else lake.storage.write_bytes(rejects, b"PAR1 rubbish")
    done = withdraw(lake, request)
    assert done.failed == []
    assert (done.waiting.keys() == {("web", "a.jsonl")}) is (column == "url"), "nobody can tell what it holds"
    assert bool(leftovers(lake, "web")) is (column == "url"), "what was refined still holds it"
    refine(lake, tmp_path)
    assert places_of(lake, words_of(page)) == []
    assert leftovers(lake, "web") == []
    assert [row["source_row"] for row in lake.rows("web", Table.REJECTS, "a.jsonl")] == [1, 2]
    assert reconcile(lake, "web", "a.jsonl").problems == ()
