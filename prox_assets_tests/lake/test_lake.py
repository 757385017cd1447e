"""Tables by name: round trips, row groups, damage, versions, executions that count."""

import itertools
import json
import random
import re
import threading
import weakref

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.lake import open_table, table_files
from prox_assets.lake.errors import LakeError, MissingTableError, ReplacedTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import DESCRIPTIONS, EXECUTION_TABLES, SCHEMAS, WRITTEN_BY, Table
from prox_assets.lake.table_files import FileStamp
from prox_assets_tests.lake.rows import STAMP, sample_row, write_rows
from prox_assets_tests.lakes import LakeFile, lake_at, table_file


@pytest.mark.parametrize("table", list(Table))
def test_rows_of_every_table_come_back_as_they_were_written(tmp_path, table):
    check_round_trip(lake_at(tmp_path), table)


def test_rows_come_back_from_an_object_store(s3_lake):
    check_round_trip(s3_lake, Table.EDITS)


def check_round_trip(lake: Lake, table: Table) -> None:
    write_rows(lake, table, "a", 3)
    rows = list(lake.rows("pages", table, "a"))
    assert [list(row) for row in rows] == [SCHEMAS[table].names] * 3
    for number, row in enumerate(rows):
        for name, value in sample_row(table, number).items():
            assert row[name] == value
        filled_in = {"corpus": "pages", "shard": "a", "run_id": "run-1", "code_version": "1.0"}
        assert {name: row[name] for name in filled_in if name in row} == {
            name: value for name, value in filled_in.items() if name in SCHEMAS[table].names
        }
    if table in EXECUTION_TABLES:
        assert {row["execution_id"] for row in rows} == {"execution-1"}


def test_every_column_is_described():
    for table, schema in SCHEMAS.items():
        assert list(DESCRIPTIONS[table]) == schema.names
        assert all(text.endswith(".") for text in DESCRIPTIONS[table].values())


def test_a_file_says_who_made_it_of_what(lake):
    with lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
        writer.notes["count"] = 3
    info = lake.require("pages", Table.REJECTS, "a")
    assert (info.fingerprint, info.identity, info.run_id, info.code_version) == (
        "fingerprint",
        "identity",
        "run-1",
        "1.0",
    )
    assert (info.rows, info.notes) == (0, {"count": 3})
    assert info.created_at.tzinfo is not None
    assert lake.info("pages", Table.REJECTS, "b") is None


def test_shards_and_corpora_are_listed_without_the_lake_s_own_folders(lake):
    assert lake.corpora() == []
    write_rows(lake, Table.REJECTS, "b", 1)
    write_rows(lake, Table.REJECTS, "a", 1)
    lake.storage.write_bytes("_leases/pages/x.json", b"{}")
    assert lake.corpora() == ["pages"]
    assert lake.shards("pages", Table.REJECTS) == ["a", "b"]
    assert lake.shards("pages", Table.EDITS) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", "_resume", ".hidden", "a\\b", "a\x00"])
def test_a_corpus_or_shard_that_is_no_plain_name_is_refused(tmp_path, name):
    lake = lake_at(tmp_path)
    with pytest.raises(LakeError, match="cannot name a corpus or a shard"):
        lake.table_path(name, Table.EDITS, "a")
    with pytest.raises(LakeError, match="cannot name a corpus or a shard"):
        lake.table_path("pages", Table.EDITS, name)


def row_groups(lake: Lake, table: Table) -> list[int]:
    with lake.storage.open(lake.table_path("pages", table, "a")) as file:
        footer = pq.read_metadata(file)
    return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]


def test_row_groups_end_at_so_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "ROW_GROUP_ROWS", 10)
    lake = lake_at(tmp_path)
    write_rows(lake, Table.REJECTS, "a", 25)
    assert row_groups(lake, Table.REJECTS) == [10, 10, 5]
    assert [row["source_row"] for row in lake.rows("pages", Table.REJECTS, "a")] == list(range(25))


def test_row_groups_end_at_so_many_bytes_of_text(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "ROW_GROUP_BYTES", 1000)
    lake = lake_at(tmp_path)
    with lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
        for number in range(5):
            writer.write({**sample_row(Table.REJECTS, number), "excerpt": "x" * 600})
    assert row_groups(lake, Table.REJECTS) == [2, 2, 1]


def test_long_rows_are_read_a_few_at_a_time(tmp_path, monkeypatch):
    lake = Lake(str(tmp_path))
    with lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
        for number in range(100):
            text = random.Random(number).randbytes(20_000).hex()
            writer.write({**sample_row(Table.REJECTS, number), "excerpt": text})
    sizes = []
    read = pq.ParquetFile.iter_batches

    def noted(self, batch_size, **options):
        sizes.append(batch_size)
        return read(self, batch_size, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    assert [row["source_row"] for row in lake.rows("pages", Table.REJECTS, "a")] == list(range(100))
    [rows] = sizes
    assert 1 <= rows <= open_table.READ_BATCH_BYTES // 40_000


def test_rows_do_not_wait_as_python_objects_until_their_row_group_is_full(tmp_path):
    class Row(dict):
        """A row that can tell whether someone still holds it."""

    lake = Lake(str(tmp_path))
    held: list[weakref.ref[Row]] = []
    most = 0
    with lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
        for number in range(3 * table_files.PENDING_ROWS):
            row = Row(sample_row(Table.REJECTS, number))
            held.append(weakref.ref(row))
            writer.write(row)
            del row
            held = [reference for reference in held if reference() is not None]
            most = max(most, len(held))
    assert most <= table_files.PENDING_ROWS
    assert row_groups(lake, Table.REJECTS) == [3 * table_files.PENDING_ROWS]


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 300), max_size=60),
    pending_rows=st.integers(1, 20),
    pending_bytes=st.integers(1, 500),
    group_rows=st.integers(1, 30),
    group_bytes=st.integers(1, 2000),
)
def test_whatever_the_limits_every_row_comes_back_once_and_in_order(
    tmp_path_factory, lengths, pending_rows, pending_bytes, group_rows, group_bytes
):
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(table_files, "PENDING_ROWS", pending_rows)
        limits.setattr(table_files, "PENDING_BYTES", pending_bytes)
        limits.setattr(table_files, "ROW_GROUP_ROWS", group_rows)
        limits.setattr(table_files, "ROW_GROUP_BYTES", group_bytes)
        with lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
            for number, length in enumerate(lengths):
                writer.write({**sample_row(Table.REJECTS, number), "excerpt": "x" * length})
    rows = lake.rows("pages", Table.REJECTS, "a")
    assert [(row["source_row"], len(row["excerpt"])) for row in rows] == list(enumerate(lengths))
    # A group ends with the batch that fills it.
    assert all(rows < group_rows + pending_rows for rows in row_groups(lake, Table.REJECTS))


def test_whole_arrow_tables_follow_the_rows_that_wait(tmp_path):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.REJECTS, "b", 2)
    table = table_file(lake, "pages", Table.REJECTS, "b").read_table().replace_schema_metadata(None)
    with lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
        writer.write(sample_row(Table.REJECTS, 7))
        writer.write_table(table)
        assert writer.rows == 3
    assert [row["source_row"] for row in lake.rows("pages", Table.REJECTS, "a")] == [7, 0, 1]


def test_tables_of_a_failed_block_keep_their_old_files(tmp_path):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.REJECTS, "a", 2)

    def refuse() -> None:
        raise LakeError("not yours")

    with (
        pytest.raises(LakeError, match="not yours"),
        lake.write("pages", "a", [Table.DOCUMENTS, Table.REJECTS], STAMP, refuse) as [_, rejects],
    ):
        rejects.write(sample_row(Table.REJECTS, 0))
    assert lake.require("pages", Table.REJECTS, "a").rows == 2
    assert lake.info("pages", Table.DOCUMENTS, "a") is None


@pytest.mark.parametrize("table", list(Table))
def test_a_missing_file_names_the_step_that_writes_it(tmp_path, table):
    with pytest.raises(MissingTableError, match=re.escape(f"materialize {WRITTEN_BY[table]} for 'a' first")):
        lake_at(tmp_path).require("pages", table, "a")
    assert list(lake_at(tmp_path).rows("pages", table, "a")) == []


def read_in_every_way(lake: Lake, table: Table):
    yield lambda: lake.info("pages", table, "a")
    yield lambda: list(lake.rows("pages", table, "a"))
    yield lambda: lake.scan("pages", table).collect()
    yield lambda: lake.scan("pages", table, ["a"]).collect()


def damage(data: bytes, how: str) -> bytes:
    if how == "truncated":
        return data[: len(data) // 2]
    if how == "empty":
        return b""
    # The footer's length and magic bytes are left alone, what they point at is not.
    return data[:-100] + b"\xff" * 92 + data[-8:]


@pytest.mark.parametrize("how", ["truncated", "empty", "garbled footer"])
def test_a_damaged_file_names_itself_and_the_step_to_run(tmp_path, how):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.DOC_PROGRAMS, "a", 5)
    path = table_file(lake, "pages", Table.DOC_PROGRAMS, "a")
    path.write_bytes(damage(path.read_bytes(), how))
    for read in read_in_every_way(lake, Table.DOC_PROGRAMS):
        with pytest.raises(LakeError, match=r"a\.parquet is damaged .*run doc_programs again"):
            read()


@pytest.mark.parametrize("version", ["0", "2", None])
def test_a_file_of_another_schema_version_is_refused(tmp_path, version):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.REFINED, "a", 2)
    lake.write_manifest("pages", "a", "execution-1", "run", {})
    file = table_file(lake, "pages", Table.REFINED, "a")
    file.write_table(file.read_table().replace_schema_metadata({"prox.schema_version": version} if version else None))
    for read in read_in_every_way(lake, Table.REFINED):
        with pytest.raises(LakeError, match=f"schema version {version}, this code reads 1; run refined_shards again"):
            read()


def test_a_damaged_page_is_found_while_reading(tmp_path):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.REJECTS, "a", 2000)
    path = table_file(lake, "pages", Table.REJECTS, "a")
    data = bytearray(path.read_bytes())
    data[100:400] = b"\x00" * 300
    path.write_bytes(bytes(data))
    with pytest.raises(LakeError, match="damaged"):
        list(lake.rows("pages", Table.REJECTS, "a"))


@pytest.mark.parametrize("table", list(Table))
def test_no_file_yet_is_an_empty_frame_with_the_table_s_columns(tmp_path, table):
    lake = lake_at(tmp_path)
    for frame in (lake.scan("pages", table), lake.scan("pages", table, ["a"])):
        collected = frame.collect()
        assert collected.height == 0
        expected = pl.from_arrow(SCHEMAS[table].empty_table())
        assert isinstance(expected, pl.DataFrame)
        assert collected.schema == expected.schema


def test_a_scan_covers_all_shards_or_those_asked_for(lake):
    for shard, count in (("a", 2), ("b", 3)):
        write_rows(lake, Table.DOCUMENTS, shard, count)
    counts = lake.scan("pages", Table.DOCUMENTS).group_by("shard").len().sort("shard").collect()
    assert counts.rows() == [("a", 2), ("b", 3)]
    assert lake.scan("pages", Table.DOCUMENTS, ["b", "missing"]).collect().height == 3


def test_rows_of_an_execution_that_no_manifest_names_are_invisible(lake):
    tables = list(EXECUTION_TABLES)

    def execute(execution: str, rows: int) -> None:
        stamp = FileStamp("f", "i", "run", "1", execution)
        with lake.write("pages", "a", tables, stamp) as writers:
            for writer, table in zip(writers, tables, strict=True):
                for number in range(rows):
                    writer.write(sample_row(table, number))

    def visible() -> list[int]:
        return [lake.scan("pages", table).collect().height for table in tables]

    execute("first", 2)
    assert visible() == [0] * len(tables), "killed between the files and the manifest"
    lake.write_manifest("pages", "a", "first", "run", {})
    assert visible() == [2] * len(tables)
    execute("second", 5)
    assert visible() == [0] * len(tables), "a reader sees nothing rather than a mix"
    lake.write_manifest("pages", "a", "second", "run", {})
    assert visible() == [5] * len(tables)
    assert lake.execution("pages", "a") == "second"
    assert lake.executions("pages", ["a", "b"]) == {"a": "second"}


def test_the_manifest_is_readable_by_people_and_other_tools(tmp_path):
    lake = lake_at(tmp_path)
    lake.write_manifest("pages", "a", "first", "run-1", {"refined": 2})
    manifest = json.loads(LakeFile(lake, "pages/manifests/a.json").read_bytes())
    assert (manifest["execution_id"], manifest["run_id"], manifest["rows"]) == ("first", "run-1", {"refined": 2})


def test_a_value_of_the_wrong_type_is_refused_and_nothing_is_published(tmp_path):
    lake = lake_at(tmp_path)
    wrong = {**sample_row(Table.REJECTS, 0), "source_row": "seven"}
    with pytest.raises(pa.ArrowInvalid), lake.write("pages", "a", [Table.REJECTS], STAMP) as [writer]:
        writer.write(wrong)
    assert lake.shards("pages", Table.REJECTS) == []


def test_one_documents_rows_are_read_without_the_row_groups_that_cannot_hold_them(lake, monkeypatch):
    monkeypatch.setattr(table_files, "ROW_GROUP_ROWS", 4)
    with lake.write("pages", "a", [Table.CHUNK_PROGRAMS], STAMP) as [writer]:
        for number in range(20):
            # Three chunks a document, so that row groups end inside documents.
            writer.write(
                sample_row(Table.CHUNK_PROGRAMS, number) | {"source_row": number // 3, "chunk_index": number % 3}
            )
    for source_row in range(7):
        chunks = [row["chunk_index"] for row in lake.rows_of_document("pages", Table.CHUNK_PROGRAMS, "a", source_row)]
        assert chunks == ([0, 1, 2] if source_row < 6 else [0, 1])
    assert lake.rows_of_document("pages", Table.CHUNK_PROGRAMS, "a", 7) == []
    assert lake.rows_of_document("pages", Table.CHUNK_PROGRAMS, "b", 0) == []

    path = lake.table_path("pages", Table.CHUNK_PROGRAMS, "a")
    data = lake.storage.read_bytes(path)
    second = pq.read_metadata(pa.BufferReader(data)).row_group(1).column(0)
    end = second.dictionary_page_offset or second.data_page_offset
    lake.storage.write_bytes(path, data[:4] + bytes(end - 4) + data[end:])
    assert len(lake.rows_of_document("pages", Table.CHUNK_PROGRAMS, "a", 5)) == 3
    with pytest.raises(LakeError, match=r"is damaged.*run chunk_programs again"):
        lake.rows_of_document("pages", Table.CHUNK_PROGRAMS, "a", 0)


def test_a_file_that_is_replaced_while_it_is_scanned_is_read_whole_old_or_new(tmp_path):
    lake = lake_at(tmp_path)
    write_rows(lake, Table.DOC_PROGRAMS, "a", 3000)
    ended = threading.Event()

    def replace_again_and_again() -> None:
        counts = itertools.cycle((1, 3000))
        while not ended.is_set():
            write_rows(lake, Table.DOC_PROGRAMS, "a", next(counts))

    writer = threading.Thread(target=replace_again_and_again)
    heights: set[int] = set()
    replaced = 0
    writer.start()
    try:
        for reads in itertools.count(1):
            if reads > 150 and (len(heights) == 2 or reads > 5000):
                break
            try:
                heights.add(lake.scan("pages", Table.DOC_PROGRAMS, ["a"]).collect().height)
            except ReplacedTableError:
                replaced += 1
    finally:
        ended.set()
        writer.join()
    # A disk keeps an open file; a store has no more of one that was replaced, and the reader is told so.
    if lake.storage.is_local:
        assert (heights, replaced) == ({1, 3000}, 0)
    else:
        assert heights | {1, 3000} == {1, 3000}
        assert len(heights) + replaced > 0
