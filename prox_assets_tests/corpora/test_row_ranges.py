"""Row-range shards: together they are the whole file, and counting is done once."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prox_assets.corpora.shards import CorpusError, list_shards, read_shard
from prox_assets_tests.corpora.raw_files import read_all, source_of, write_lines

FILE_NAMES = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"]


def write_rows(folder, file_name, count, row_group_size=7):
    rows = [{"text": f"text {n}", "n": n} for n in range(count)]
    path = folder / file_name
    if file_name.endswith(".parquet"):
        schema = pa.schema([("text", pa.string()), ("n", pa.int64())])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=row_group_size)
        return path
    return write_lines(path, [b"{broken" if n % 5 == 4 else row for n, row in enumerate(rows)])


@pytest.mark.parametrize("file_name", FILE_NAMES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 40), rows_per_shard=st.integers(1, 45), row_group_size=st.integers(1, 45))
def test_the_ranges_of_a_file_are_the_whole_file(tmp_path, file_name, count, rows_per_shard, row_group_size):
    path = write_rows(tmp_path, file_name, count, row_group_size)
    source = source_of(path, rows_per_shard=rows_per_shard)
    shards = list_shards(source)
    parts = [list(read_shard(source, shard)) for shard in shards]
    assert [item for part in parts for item in part] == read_all(source_of(path))
    assert [len(part) for part in parts] == [shard.rows for shard in shards]
    assert all(len(part) <= rows_per_shard for part in parts)
    assert sum(len(part) for part in parts) == count


def test_keys_name_the_range_and_a_small_file_stays_whole(tmp_path):
    write_rows(tmp_path, "big.jsonl", 25)
    write_rows(tmp_path, "small.jsonl", 10)
    shards = list_shards(source_of(tmp_path, rows_per_shard=10))
    assert [(shard.key, shard.rows) for shard in shards] == [
        ("big.jsonl@0-10", 10),
        ("big.jsonl@10-20", 10),
        ("big.jsonl@20-25", 5),
        ("small.jsonl", 10),
    ]
    assert [(shard.row_start, shard.row_end) for shard in shards][2:] == [(20, 25), (None, None)]


@pytest.mark.parametrize("file_name", FILE_NAMES)
def test_known_counts_are_taken_over_while_the_file_is_unchanged(tmp_path, file_name):
    path = write_rows(tmp_path, file_name, 25)
    source = source_of(path, rows_per_shard=10)
    shards = list_shards(source)
    # A count that the file contradicts shows whether the file was opened.
    known = {shard.key: dataclasses.replace(shard, file_rows=12) for shard in shards[:1]}
    assert [shard.rows for shard in list_shards(source, known)] == [10, 2]
    stale = {key: dataclasses.replace(shard, etag="modified 1.0") for key, shard in known.items()}
    assert list_shards(source, stale) == shards


@pytest.mark.parametrize("file_name", FILE_NAMES)
def test_a_file_that_shrank_after_listing_is_an_error(tmp_path, file_name):
    source = source_of(write_rows(tmp_path, file_name, 25), rows_per_shard=10)
    last = list_shards(source)[-1]
    write_rows(tmp_path, file_name, 22)
    with pytest.raises(CorpusError, match=r"has 2 of the 5 rows of shard .*@20-25: .*List the corpus again"):
        list(read_shard(source, last))


def test_counting_a_truncated_file_fails_the_listing(tmp_path):
    path = write_rows(tmp_path, "a.jsonl.gz", 25)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CorpusError, match="truncated"):
        list_shards(source_of(path, rows_per_shard=10))


def test_without_a_row_limit_listing_opens_no_file(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"not parquet")
    (shard,) = list_shards(source_of(tmp_path))
    assert (shard.key, shard.rows, shard.size) == ("a", None, 11)


def test_blank_lines_at_the_end_are_neither_counted_nor_read(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"text": "a"}, b"", {"text": "b"}, b"", b""])
    source = source_of(path, rows_per_shard=2)
    assert [shard.rows for shard in list_shards(source)] == [2, 1]
    assert len(read_all(source)) == 3
