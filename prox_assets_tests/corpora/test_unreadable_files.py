"""Files that cannot be read as a whole: an error that names the file and a remedy, never a short shard."""

import gzip
import itertools
import json
import random

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from prox_assets.corpora.document import Reject
from prox_assets.corpora.shards import CorpusError, SourceUnavailableError, list_shards, read_shard
from prox_assets_tests.corpora.raw_files import compress, documents_of, read_all, source_of

SUFFIXES = [".jsonl.gz", ".jsonl.zst"]


def some_lines(count=200):
    letters = random.Random(7)
    return b"".join(json.dumps({"text": str(letters.getrandbits(256)), "n": n}).encode() + b"\n" for n in range(count))


def read_file(path):
    return documents_of(source_of(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_members_or_frames_are_read_as_one_file(tmp_path, suffix):
    lines = some_lines(9).splitlines(keepends=True)
    # The cuts lie inside lines on purpose: members know nothing of rows.
    whole = b"".join(lines)
    parts = [whole[:100], whole[100:101], b"", whole[101:300], whole[300:]]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"".join(compress(part, suffix) for part in parts))
    assert [json.loads(document.metadata)["n"] for document in read_file(path)] == list(range(9))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("members", [1, 3])
def test_a_truncated_file_is_an_error_wherever_it_was_cut(tmp_path, suffix, members):
    one = compress(some_lines(20), suffix)
    data = one * members
    path = tmp_path / f"a{suffix}"
    ends = [len(one) * (members - 1) + inside for inside in (1, 5, len(one) // 2, len(one) - 1)]
    for end in [*ends, 0]:
        path.write_bytes(data[:end])
        with pytest.raises(CorpusError, match=rf"a{suffix} is (truncated|damaged).*again"):
            read_file(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_not_compressed_as_its_name_says_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(some_lines())
    with pytest.raises(CorpusError, match=r"damaged or not a (gzip|zstd) file.*correct its suffix"):
        read_file(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_garbage_after_the_last_member_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(compress(some_lines(), suffix) + b"garbage after the end")
    with pytest.raises(CorpusError, match="damaged"):
        read_file(path)


def test_a_flipped_bit_fails_the_checksum_of_gzip(tmp_path):
    data = bytearray(gzip.compress(some_lines(), compresslevel=0))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    with pytest.raises(CorpusError, match="damaged"):
        read_file(tmp_path / "a.jsonl.gz")


def test_zeros_after_the_last_gzip_member_are_padding(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(some_lines(5)) + bytes(512))
    assert len(read_file(tmp_path / "a.jsonl.gz")) == 5


def test_frames_with_a_long_window_and_skippable_frames_are_read(tmp_path):
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=28)
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    # Without a known content size the window in the header is the configured one.
    packed = stream.compress(some_lines(5)) + stream.flush()
    (tmp_path / "a.jsonl.zst").write_bytes(skippable + packed)
    assert len(read_file(tmp_path / "a.jsonl.zst")) == 5


@pytest.mark.parametrize("data", [b"", b"PAR1", b"this is no parquet file at all", b"PAR1" + bytes(200) + b"PAR1"])
def test_a_file_that_is_not_parquet_is_an_error(tmp_path, data):
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(CorpusError, match=r"a\.parquet is not a readable Parquet file.*again"):
        read_file(tmp_path / "a.parquet")


def test_a_truncated_parquet_file_is_an_error(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorpusError, match="not a readable Parquet file"):
        read_file(path)


def test_a_parquet_file_with_damaged_pages_is_an_error(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"{n}" * 50 for n in range(1000)]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[40:400] = bytes(360)
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="damaged"):
        read_file(path)


def test_a_parquet_file_without_the_text_column_is_an_error(tmp_path):
    pq.write_table(pa.table({"content": ["a"], "url": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"a\.parquet has no column 'text' \(it has content, url\).*columns: "):
        documents_of(source_of(tmp_path / "a.parquet", format="fineweb"))
    with pytest.raises(CorpusError, match="columns: content, url"):
        documents_of(source_of(tmp_path / "a.parquet"))


def test_a_text_column_of_numbers_is_an_error(tmp_path):
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"'text' of .*a\.parquet holds int64, not strings"):
        read_file(tmp_path / "a.parquet")


@pytest.mark.parametrize("kind", [pa.null(), pa.int64(), pa.list_(pa.string())], ids=str)
def test_no_rows_are_an_empty_file_whatever_the_types_of_its_columns(tmp_path, kind):
    pq.write_table(pa.table({"text": pa.array([], kind), "url": pa.array([], kind)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"content": pa.array([], pa.string())}), tmp_path / "c.parquet")
    pl.DataFrame({"text": []}).write_parquet(tmp_path / "d.parquet")
    for options in ({}, {"format": "fineweb"}, {"rows_per_shard": 10}):
        assert documents_of(source_of(tmp_path, **options)) == []


def test_a_text_column_of_nulls_without_a_type_is_a_reject_per_row(tmp_path):
    pq.write_table(pa.table({"text": pa.nulls(2), "url": ["a", "b"]}), tmp_path / "a.parquet")
    rejects = read_all(source_of(tmp_path / "a.parquet"))
    assert [item.reason for item in rejects if isinstance(item, Reject)] == ["text_not_a_string"] * 2


def test_two_text_columns_are_an_error_that_names_them(tmp_path):
    pq.write_table(
        pa.Table.from_arrays([pa.array(["one"]), pa.array(["two"])], ["text", "text"]), tmp_path / "a.parquet"
    )
    for options in ({}, {"format": "parquet"}, {"columns": {"text": "text"}}):
        with pytest.raises(CorpusError, match=r"a\.parquet has 2 columns 'text'.*distinct names"):
            documents_of(source_of(tmp_path / "a.parquet", **options))


def test_a_column_whose_name_is_not_utf8_is_an_error(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "cafE": [1]}), tmp_path / "a.parquet", store_schema=False)
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes().replace(b"cafE", b"caf\xe9"))
    with pytest.raises(CorpusError, match=r"a\.parquet is not a readable Parquet file.*utf-8"):
        read_file(tmp_path / "a.parquet")


def test_a_file_that_vanished_after_listing_is_an_error_that_may_be_retried(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(some_lines(2))
    source = source_of(path)
    (shard,) = list_shards(source)
    path.unlink()
    with pytest.raises(SourceUnavailableError, match=r"cannot open .*a\.jsonl"):
        next(read_shard(source, shard))


def test_a_truncated_file_gives_rows_before_it_fails_so_nobody_may_keep_them(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(some_lines(5000))[:-9])
    source = source_of(path)
    rows = read_shard(source, list_shards(source)[0])
    assert len(list(itertools.islice(rows, 100))) == 100
    with pytest.raises(CorpusError, match="truncated"):
        list(rows)


def test_an_empty_plain_file_has_no_rows(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"")
    assert read_file(tmp_path / "a.jsonl") == []
