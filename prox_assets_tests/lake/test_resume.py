"""The resume ledger: windows that are finished stay finished, whatever else is thrown away."""

import pyarrow.parquet as pq
import pytest

from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.resume import ResumeLedger, WindowCost, remove_leftover_ledgers
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets_tests.lake.rows import sample_row
from prox_assets_tests.lakes import LakeFile, lake_at

FIXED = {"corpus": "pages", "shard": "a", "run_id": "run-2", "code_version": "2.0", "refiner": "r"}


def ledger(lake: Lake, identity: str = "one", window_documents: int = 4) -> ResumeLedger:
    return ResumeLedger(lake, "pages", Table.DOC_PROGRAMS, "a", identity, window_documents, FIXED)


def rows(first: int, count: int) -> list[dict]:
    return [sample_row(Table.DOC_PROGRAMS, number) for number in range(first, first + count)]


def test_windows_come_back_in_order_with_their_cost(lake):
    opened = ledger(lake)
    opened.write_window(1, rows(4, 2), WindowCost(2.5, 20))
    opened.write_window(0, rows(0, 4), WindowCost(1.0, 10))
    again = ledger(lake)
    assert again.finished_windows() == {0, 1}
    found = list(again.windows(2))
    assert [cost for _, cost in found] == [WindowCost(1.0, 10), WindowCost(2.5, 20)]
    assert [row["source_row"] for part, _ in found for row in part.to_pylist()] == [0, 1, 2, 3, 4, 5]


def test_a_window_of_an_earlier_release_has_null_where_a_column_was_added(tmp_path):
    opened = ledger(lake_at(tmp_path / "lake"))
    opened.write_window(0, rows(0, 2), WindowCost(1.0, 10))
    [path] = (tmp_path / "lake").rglob("*.parquet")
    written = pq.read_table(path)
    pq.write_table(written.drop_columns(["skip_reason"]), path)
    [(part, cost)] = opened.windows(1)
    assert cost == WindowCost(1.0, 10)
    assert part.schema == SCHEMAS[Table.DOC_PROGRAMS]
    assert part.to_pylist() == [{**row, "skip_reason": None} for row in written.to_pylist()]


def test_rows_that_bring_their_own_run_keep_it(tmp_path):
    opened = ledger(lake_at(tmp_path))
    reused = {**rows(0, 1)[0], "run_id": "run-1", "code_version": "1.0"}
    opened.write_window(0, [reused, rows(1, 1)[0]], WindowCost(0.0, 0))
    [(part, _)] = opened.windows(1)
    assert [(row["run_id"], row["code_version"]) for row in part.to_pylist()] == [("run-1", "1.0"), ("run-2", "2.0")]


def test_a_ledger_keeps_the_window_size_it_began_with(lake):
    ledger(lake, window_documents=4)
    assert ledger(lake, window_documents=100).window_documents == 4


def test_a_ledger_of_another_identity_is_removed(lake):
    ledger(lake, "one").write_window(0, rows(0, 4), WindowCost(0.0, 0))
    other = ledger(lake, "two", window_documents=8)
    assert other.finished_windows() == set()
    assert other.window_documents == 8
    assert lake.storage.list_folders("_resume/pages/doc_programs/a") == ["two"]


def test_a_missing_window_is_an_error_that_the_next_run_mends(tmp_path):
    opened = ledger(lake_at(tmp_path))
    opened.write_window(0, rows(0, 4), WindowCost(0.0, 0))
    with pytest.raises(RetryableLakeError, match=r"window 1 .* missing or damaged.*run the step again"):
        list(opened.windows(2))


@pytest.mark.parametrize("how", ["truncated", "garbled"])
def test_a_damaged_window_is_removed_so_that_it_is_inferred_again(tmp_path, how):
    lake = lake_at(tmp_path)
    opened = ledger(lake)
    opened.write_window(0, rows(0, 200), WindowCost(0.0, 0))
    folder = "_resume/pages/doc_programs/a/one"
    [name] = [name for name in lake.storage.list_files(folder) if name.endswith(".parquet")]
    file = LakeFile(lake, f"{folder}/{name}")
    data = file.read_bytes()
    garbled = data[:60] + b"\xff" * 200 + data[260:]
    file.write_bytes(data[:-50] if how == "truncated" else garbled)
    with pytest.raises(RetryableLakeError, match="damaged"):
        list(opened.windows(1))
    assert ledger(lake).finished_windows() == set()


def test_a_removed_ledger_leaves_nothing(lake):
    opened = ledger(lake)
    opened.write_window(0, rows(0, 1), WindowCost(0.0, 0))
    opened.remove()
    assert not lake.storage.exists("_resume/pages/doc_programs/a")
    remove_leftover_ledgers(lake, "pages", Table.DOC_PROGRAMS, "a")
    ledger(lake)
    remove_leftover_ledgers(lake, "pages", Table.DOC_PROGRAMS, "a")
    assert not lake.storage.exists("_resume/pages/doc_programs/a")
