"""Files made to exhaust memory or disk: decompression bombs, endless lines, absurd Parquet. Each in a child process."""

import gzip
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from prox_assets_tests.corpora.read_and_measure import MEBIBYTE, measured

ROW = b'{"text": "after"}\n'
# What is fair for any file: blocks of the decompressors, a batch, and allocators that do not give back.
FLAT = 120 * MEBIBYTE


def write_compressed(path: Path, pieces: Callable[[], Iterable[bytes]]) -> Path:
    """Write the pieces, compressed as the suffix says."""
    if path.suffix == ".gz":
        with gzip.GzipFile(path, "wb", compresslevel=9) as file:
            for piece in pieces():
                file.write(piece)
    else:
        with path.open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as file:
            for piece in pieces():
                file.write(piece)
    return path


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("line", [b"\n", b"{}\n"])
def test_a_bomb_of_rows_ends_at_the_limit_in_flat_memory(tmp_path, suffix, line):
    def pieces():
        yield ROW
        for _ in range(24):
            yield line * (MEBIBYTE // len(line))

    path = write_compressed(tmp_path / f"a.jsonl{suffix}", pieces)
    # gzip cannot stand for more than 1,032 times its size (RFC 1951: 258 bytes for a quarter of one).
    assert path.stat().st_size < 24 * MEBIBYTE / (900 if suffix == ".gz" else 1_000)
    reading = measured(path, max_rows_per_file=100_000)
    assert reading.error == (
        f"{path} has more than 100,000 rows, the most that max_rows_per_file allows. If it is a decompression bomb, "
        "leave it out of `urls`; otherwise raise the corpus's max_rows_per_file (`--max-rows-per-file`)."
    )
    assert reading.kinds.get("Document") == 1
    assert reading.peak < FLAT


def test_a_bomb_is_not_counted_through_when_it_is_cut_into_shards(tmp_path):
    path = write_compressed(tmp_path / "a.jsonl.zst", lambda: [ROW, b"\n" * (4 * MEBIBYTE), ROW])
    reading = measured(path, rows_per_shard=10, max_rows_per_file=1_000)
    assert "more than 1,000 rows" in (reading.error or "")
    assert reading.kinds == {}


def test_as_many_rows_as_the_limit_are_read(tmp_path):
    path = write_compressed(tmp_path / "a.jsonl.gz", lambda: [ROW * 50, b"\n" * 3])
    assert measured(path, max_rows_per_file=53).kinds == {"Document": 50}
    assert "more than 49 rows" in (measured(path, max_rows_per_file=49).error or "")


def test_a_parquet_file_with_more_rows_than_the_limit_is_refused_by_its_footer(tmp_path):
    pq.write_table(pa.table({"text": ["a"] * 1_001}), tmp_path / "a.parquet")
    for options in ({}, {"rows_per_shard": 100}):
        reading = measured(tmp_path / "a.parquet", max_rows_per_file=1_000, **options)
        assert (reading.kinds, "more than 1,000 rows" in (reading.error or "")) == ({}, True)


def test_a_line_of_500_megabytes_is_rejected_in_flat_memory(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(500):
            file.write(b"x" * MEBIBYTE)
        file.write(b'"}\n' + ROW)
    reading = measured(path, format="jsonl", max_row_bytes=8 * MEBIBYTE)
    assert (reading.kinds, reading.error) == ({"Reject": 1, "Document": 1}, None)
    assert reading.peak < FLAT


def test_a_dictionary_of_one_long_value_is_not_spread_out(tmp_path):
    value = os.urandom(2 * MEBIBYTE).hex()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array([value]))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": column}), path, dictionary_pagesize_limit=64 * MEBIBYTE, compression="zstd")
    assert path.stat().st_size < 3 * MEBIBYTE
    # 400 GB of text if it were all decoded; rows are asked for one by one, as everywhere.
    reading = measured(path, rows_at_most=64)
    assert (reading.kinds, reading.error) == ({"Document": 64}, None)
    assert reading.peak < 200 * MEBIBYTE


def test_long_rows_at_the_start_of_a_group_of_short_ones_are_not_held_together(tmp_path):
    texts = [os.urandom(MEBIBYTE // 2).hex() for _ in range(150)] + ["a"] * 20_000
    # A page ends at a number of rows, so that this is about batches and not about one huge page.
    pq.write_table(
        pa.table({"text": texts}), tmp_path / "a.parquet", use_dictionary=False, compression="zstd", write_batch_size=2
    )
    reading = measured(tmp_path / "a.parquet", rows_at_most=2_000)
    assert (reading.kinds, reading.error) == ({"Document": 2_000}, None)
    # 150 MiB in a batch of 1,024 rows would be 450 with its copies.
    assert reading.peak < 200 * MEBIBYTE


def test_a_parquet_page_that_expands_a_thousand_times_is_refused(tmp_path):
    table = pa.table({"text": pa.array(["x" * MEBIBYTE], pa.large_string()).take(pa.array([0] * 300))})
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, compression="zstd")
    reading = measured(tmp_path / "a.parquet")
    assert "column 'text' of row group 0" in (reading.error or "")
    assert "a decompression bomb" in (reading.error or "")
    assert reading.kinds == {}
    assert reading.peak < FLAT


def test_a_value_of_300_megabytes_is_rejected_and_the_rows_around_it_are_read(tmp_path):
    rows = pa.chunked_array([pa.array(["before"]), pa.array([os.urandom(150 * MEBIBYTE).hex()]), pa.array(["after"])])
    pq.write_table(pa.table({"text": rows}), tmp_path / "a.parquet", use_dictionary=False, compression="snappy")
    reading = measured(tmp_path / "a.parquet", max_row_bytes=MEBIBYTE)
    assert (reading.kinds, reading.error) == ({"Document": 2, "Reject": 1}, None)
    # A page is decompressed whole and its values copied once; the text itself never becomes a Python object.
    assert reading.peak < 1_100 * MEBIBYTE


def test_5_000_row_groups_of_one_row_are_read(tmp_path):
    table = pa.table({"text": ["a"], "url": ["https://x.example"]})
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as writer:
        for _ in range(5_000):
            writer.write_table(table)
    reading = measured(tmp_path / "a.parquet")
    assert (reading.kinds, reading.error) == ({"Document": 5_000}, None)
    # The footer is most of such a file, and is held as objects of about ten times its size.
    assert reading.peak < 250 * MEBIBYTE


def test_100_000_columns_are_read(tmp_path):
    columns = {f"c{number}": pa.array(["x"] * 4) for number in range(100_000)}
    pq.write_table(pa.table({"text": pa.array(["a page"] * 4), **columns}), tmp_path / "a.parquet")
    reading = measured(tmp_path / "a.parquet")
    assert (reading.kinds, reading.error) == ({"Document": 4}, None)
    assert reading.peak < 1_500 * MEBIBYTE


def test_json_rows_with_100_000_keys_or_nested_a_million_deep_are_documents_or_rejects(tmp_path):
    wide = json.dumps({"text": "wide", **{f"c{number}": number for number in range(100_000)}}).encode()
    deep = b'{"text": "deep", "a": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([ROW.strip(), wide, deep, ROW]))
    reading = measured(tmp_path / "a.jsonl")
    assert (reading.kinds, reading.error) == ({"Document": 3, "Reject": 1}, None)
    assert reading.peak < FLAT
