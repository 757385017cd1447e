"""Scanning a table in an object store: what is fetched, and what goes wrong when the frame is collected."""

import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.lake import table_files
from prox_assets.lake.errors import LakeError, ReplacedTableError, RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.testing.servers.object_store import CountingProxy, counting_proxy
from prox_assets_tests.lake.rows import sample_row, write_rows
from prox_assets_tests.lakes import table_file

ROWS, SHARDS = 60, 8


def text(number: int) -> str:
    """A text that does not become small: a file must be larger than the 64 KiB in which its footer is looked for."""
    return random.Random(number).randbytes(20_000).hex()


@pytest.fixture
def counted(s3_lake: Lake, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Lake, CountingProxy]]:
    """A lake of some shards of three row groups each, behind a proxy that counts."""
    monkeypatch.setattr(table_files, "ROW_GROUP_ROWS", ROWS // 3)
    for shard in range(SHARDS):
        with s3_lake.write("pages", f"{shard:02d}", [Table.DOCUMENTS], FileStamp("f", "i", "run", "1")) as [writer]:
            for number in range(ROWS):
                writer.write(sample_row(Table.DOCUMENTS, number) | {"text": text(number), "url": f"{shard}/{number}"})
    with counting_proxy(s3_endpoint) as proxy:
        yield Lake(s3_lake.url, {"client_kwargs": {"endpoint_url": proxy.url}}), proxy


def size_of(lake: Lake) -> int:
    return sum(
        len(table_file(lake, "pages", Table.DOCUMENTS, shard).read_bytes())
        for shard in lake.shards("pages", Table.DOCUMENTS)
    )


def test_making_a_frame_asks_for_a_listing_at_most(counted):
    lake, proxy = counted
    lake.scan("pages", Table.DOCUMENTS)
    assert proxy.requests == 1
    proxy.reset()
    lake.scan("pages", Table.DOCUMENTS, ["00", "01", "missing"]).select("url").filter(pl.col("url") == "0/0")
    assert proxy.requests == 0


def test_a_few_rows_come_from_the_first_file_alone(counted):
    lake, proxy = counted
    frame = lake.scan("pages", Table.DOCUMENTS).select("url")
    assert frame.head(5).collect()["url"].to_list() == [f"0/{number}" for number in range(5)]
    # A listing; where the file is and how long, its footer, one column of one row group.
    assert proxy.requests <= 5


def test_one_column_of_all_files_is_a_small_part_of_their_bytes(counted):
    lake, proxy = counted
    size = size_of(lake)
    proxy.reset()
    found = lake.scan("pages", Table.DOCUMENTS).select("url").collect()["url"].to_list()
    assert found == [f"{shard}/{number}" for shard in range(SHARDS) for number in range(ROWS)]
    assert proxy.bytes_sent < size / 10
    # Of each file: where it is, its footer, one column of three row groups.
    assert proxy.requests <= 1 + SHARDS * 5


def test_columns_beside_a_filters_are_fetched_where_it_leaves_rows(counted):
    lake, proxy = counted
    size = size_of(lake)
    proxy.reset()
    found = lake.scan("pages", Table.DOCUMENTS).filter(pl.col("url") == "7/30").select("text").collect()
    assert found.rows() == [(text(30),)]
    assert proxy.bytes_sent < size / 5, "one row group of 24 has the row"


def test_files_of_no_published_execution_are_not_opened(s3_lake, s3_endpoint):
    for shard in ("a", "b"):
        write_rows(s3_lake, Table.REFINED, shard, 3)
    s3_lake.write_manifest("pages", "b", "execution-1", "run", {})
    with counting_proxy(s3_endpoint) as proxy:
        lake = Lake(s3_lake.url, {"client_kwargs": {"endpoint_url": proxy.url}})
        assert lake.scan("pages", Table.REFINED, ["a"]).select("shard").collect().is_empty()
        without = proxy.requests
        proxy.reset()
        assert lake.scan("pages", Table.REFINED, ["b"]).select("shard").collect()["shard"].to_list() == ["b", "b", "b"]
        assert proxy.requests == without + 3, "for the file, its footer and a column"


QUESTIONS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "everything": lambda frame: frame,
    "one column": lambda frame: frame.select("text"),
    "columns in another order": lambda frame: frame.select("url", "doc_id"),
    "number of rows": lambda frame: frame.select(pl.len()),
    "numbers of rows": lambda frame: frame.select(pl.int_range(pl.len())),
    "filter": lambda frame: frame.filter(pl.col("source_row") > 40).select("url"),
    "filter by nothing there": lambda frame: frame.filter(pl.col("url").is_null()),
    "filter that is null": lambda frame: frame.filter(pl.col("source_row") > pl.lit(None, pl.Int64)),
    "two filters": lambda frame: frame.filter(pl.col("source_row") > 40, pl.col("shard") == "b"),
    "filter in Python": lambda frame: frame.filter(
        pl.col("source_row").map_elements(lambda row: row % 7 == 0, return_dtype=pl.Boolean)
    ),
    "head": lambda frame: frame.head(7),
    "head beyond a file": lambda frame: frame.head(75).select("shard", "source_row"),
    "head of nothing": lambda frame: frame.head(0),
    "head before a filter": lambda frame: frame.head(50).filter(pl.col("source_row") >= 30),
    "head after a filter": lambda frame: frame.filter(pl.col("source_row") >= 30).head(40),
    "slice": lambda frame: frame.slice(55, 20).select("source_row"),
    "tail": lambda frame: frame.tail(3),
    "groups": lambda frame: frame.group_by("shard").agg(pl.col("source_row").sum()).sort("shard"),
    "join": lambda frame: frame.join(
        frame.filter(pl.col("source_row") == 3).select("doc_id"), on="doc_id", how="semi"
    ).sort("shard"),
}


@pytest.fixture
def lakes_alike(tmp_path: Path, s3_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> tuple[Lake, Lake]:
    """A lake in a folder, and the same in a bucket; a shard of it is empty, and one has no published execution."""
    monkeypatch.setattr(table_files, "ROW_GROUP_ROWS", 20)
    local = Lake(str(tmp_path / "lake"))
    for shard, rows in (("a", 60), ("b", 60), ("c", 0), ("d", 60)):
        execution = f"execution-{shard}"
        for table in (Table.DOCUMENTS, Table.REFINED):
            write_rows(local, table, shard, rows, FileStamp("f", "i", "run", "1", execution))
        local.write_manifest("pages", shard, "another" if shard == "d" else execution, "run", {})
    for path in (tmp_path / "lake" / "pages").glob("*/*"):
        s3_lake.storage.write_bytes(str(path.relative_to(tmp_path / "lake")), path.read_bytes())
    return local, s3_lake


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("table", [Table.DOCUMENTS, Table.REFINED])
def test_a_store_answers_every_question_as_a_folder_does(lakes_alike, table, engine):
    for question, ask in QUESTIONS.items():
        local, remote = (ask(lake.scan("pages", table)).collect(engine=engine) for lake in lakes_alike)
        assert remote.equals(local), question
        assert remote.schema == local.schema, question
    local, remote = (lake.scan("pages", table).collect_schema() for lake in lakes_alike)
    assert remote == local


def test_rows_of_another_execution_in_the_same_file_do_not_count(s3_lake):
    """No writer mixes them; a file that says nothing of its values must not be trusted to hold one alone."""
    write_rows(s3_lake, Table.REFINED, "a", 4)
    s3_lake.write_manifest("pages", "a", "execution-1", "run", {})
    file = table_file(s3_lake, "pages", Table.REFINED, "a")
    table = file.read_table()
    mixed = pa.array(["execution-1", "other", "execution-1", "zzz"])
    file.write_table(table.set_column(table.column_names.index("execution_id"), "execution_id", mixed))
    assert s3_lake.scan("pages", Table.REFINED).select("source_row").collect()["source_row"].to_list() == [0, 2]


def replace_before_row_group(monkeypatch: pytest.MonkeyPatch, number: int, replace: Callable[[], object]) -> None:
    """Do something between the footer of a file and the reading of one of its row groups."""
    read = pq.ParquetFile.read_row_group

    def replace_and_read(file: pq.ParquetFile, group: int, **options: Any) -> pa.Table:
        if group == number:
            replace()
        return read(file, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", replace_and_read)


@pytest.mark.parametrize("group", [0, 2])
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_file_that_is_replaced_while_it_is_scanned_is_an_error_and_never_a_mix(s3_lake, monkeypatch, engine, group):
    """Of another run with as many rows, every byte of the new file may lie where one of the old lay."""
    monkeypatch.setattr(table_files, "ROW_GROUP_ROWS", 20)
    write_rows(s3_lake, Table.DOC_PROGRAMS, "a", 60)
    another = FileStamp("fingerprint", "identity", "run-2", "1.0", "execution-2")
    replace_before_row_group(monkeypatch, group, lambda: write_rows(s3_lake, Table.DOC_PROGRAMS, "a", 60, another))
    with pytest.raises(ReplacedTableError, match=r"a\.parquet .*was replaced by another run while it was read"):
        s3_lake.scan("pages", Table.DOC_PROGRAMS).collect(engine=engine)


def test_a_file_that_goes_while_it_is_scanned_is_an_error(s3_lake, monkeypatch):
    write_rows(s3_lake, Table.DOC_PROGRAMS, "a", 3)
    path = s3_lake.table_path("pages", Table.DOC_PROGRAMS, "a")
    replace_before_row_group(monkeypatch, 0, lambda: s3_lake.storage.remove(path))
    with pytest.raises(RetryableLakeError, match=r"cannot read .*a\.parquet"):
        s3_lake.scan("pages", Table.DOC_PROGRAMS).collect()


def test_a_store_that_has_fallen_silent_is_told_when_the_frame_is_collected(s3_lake):
    write_rows(s3_lake, Table.DOC_PROGRAMS, "a", 3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        patience = {"read_timeout": 0.2, "connect_timeout": 1, "retries": {"total_max_attempts": 1}}
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        lake = Lake(s3_lake.url, {"client_kwargs": {"endpoint_url": endpoint}, "config_kwargs": patience})
        frame = lake.scan("pages", Table.DOC_PROGRAMS, ["a", "b"])
        with pytest.raises(RetryableLakeError, match=r"cannot open .*a\.parquet"):
            frame.collect()


def test_a_column_that_a_file_lacks_or_has_of_another_type_is_damage(s3_lake):
    write_rows(s3_lake, Table.DOC_PROGRAMS, "a", 3)
    file = table_file(s3_lake, "pages", Table.DOC_PROGRAMS, "a")
    table = file.read_table()
    file.write_table(table.drop_columns(["program"]))
    with pytest.raises(LakeError, match=r"a\.parquet is damaged \(no column program\); run doc_programs again"):
        s3_lake.scan("pages", Table.DOC_PROGRAMS).collect()
    assert s3_lake.scan("pages", Table.DOC_PROGRAMS).select("doc_id").collect().height == 3
    file.write_table(table.set_column(table.column_names.index("source_row"), "source_row", pa.array(["0", "1", "2"])))
    with pytest.raises(LakeError, match=r"is damaged \(columns of other types.*run doc_programs again"):
        s3_lake.scan("pages", Table.DOC_PROGRAMS).select("source_row").collect()


def test_what_is_written_by_others_meanwhile_is_seen(s3_lake, s3_endpoint):
    """A listing of a folder was kept, and a file that another process put there later was not there."""
    write_rows(s3_lake, Table.DOC_PROGRAMS, "a", 3)
    assert s3_lake.shards("pages", Table.DOC_PROGRAMS) == ["a"]
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    keys = [f"one/{s3_lake.table_path('pages', Table.DOC_PROGRAMS, shard)}" for shard in ("a", "b")]
    client.copy_object(Bucket="lakes", Key=keys[1], CopySource={"Bucket": "lakes", "Key": keys[0]})
    assert s3_lake.info("pages", Table.DOC_PROGRAMS, "b") is not None
    assert s3_lake.scan("pages", Table.DOC_PROGRAMS, ["a", "b"]).collect().height == 6
