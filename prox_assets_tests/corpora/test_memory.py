"""Reading is streaming: memory does not grow with the file."""

import gzip
import json
import tracemalloc
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from prox_assets.corpora.shards import list_shards, read_shard
from prox_assets_tests.corpora.raw_files import source_of

MEGABYTE = 1 << 20


def peak_while_reading(source):
    (shard,) = list_shards(source)
    tracemalloc.start()
    try:
        kinds = Counter(type(item).__name__ for item in read_shard(source, shard))
        return kinds, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_200_megabytes_of_gzip_lines_need_a_few(tmp_path):
    line = json.dumps({"text": "words and more words " * 5000}).encode() + b"\n"
    with gzip.GzipFile(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(200 * MEGABYTE // len(line)):
            file.write(line)
    kinds, peak = peak_while_reading(source_of(tmp_path / "a.jsonl.gz"))
    assert kinds["Document"] == 200 * MEGABYTE // len(line)
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_one_line_of_200_megabytes_is_rejected_without_being_held(tmp_path, suffix):
    def write(file):
        file.write(b'{"text": "')
        for _ in range(200):
            file.write(b"x" * MEGABYTE)
        file.write(b'"}\n{"text": "after"}\n')

    path = tmp_path / f"a.jsonl{suffix}"
    if suffix == ".gz":
        with gzip.GzipFile(path, "wb", compresslevel=1) as file:
            write(file)
    else:
        with path.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as file:
            write(file)
    kinds, peak = peak_while_reading(source_of(path, format="jsonl", max_row_bytes=4 * MEGABYTE))
    assert kinds == {"Reject": 1, "Document": 1}
    # A zstd call gives out all that its input stands for, which is at most 32 MiB and twice that while it is joined.
    assert peak < (80 if suffix == ".zst" else 16) * MEGABYTE


def test_a_parquet_row_group_is_read_in_batches(tmp_path):
    table = pa.table({"text": pa.array([f"{n:09d}" * 2000 for n in range(6000)])})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=6000, use_dictionary=False, compression="zstd")
    del table
    before = pa.total_allocated_bytes()
    source = source_of(tmp_path / "a.parquet")
    (shard,) = list_shards(source)
    highest = 0
    for _ in read_shard(source, shard):
        highest = max(highest, pa.total_allocated_bytes() - before)
    assert highest < 80 * MEGABYTE
