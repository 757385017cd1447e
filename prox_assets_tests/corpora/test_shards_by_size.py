"""Shards by size: many files make one shard, a large file several, and what is in a shard stays in it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prox_assets.corpora import grouping
from prox_assets.corpora.document import Document
from prox_assets.corpora.grouping import MAX_SHARDS, shard_bytes, suggested_bytes
from prox_assets.corpora.listing.raw_files import RawFile, RawFiles
from prox_assets.corpora.shards import CorpusError, Shard, list_shards, read_shard, relist_shard
from prox_assets_tests.corpora.raw_files import read_all, source_of, write_lines

IN_A_FOLDER = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def write(folder, names, rows=3):
    for name in names:
        write_lines(folder / name, [{"text": f"{name} {row}"} for row in range(rows)])


class Records:
    """What a lake keeps: shards without their files, and the files of each."""

    def __init__(self):
        self.known, self._files = {}, {}

    def list(self, source, missing_since: datetime | None = NOW):
        shards = list_shards(source, self.known, files_of=self.files_of, missing_since=missing_since)
        for shard in shards:
            if shard.files is not None:
                self._files[shard.key] = tuple(shard.files)
            self.known[shard.key] = replace(shard, files=None)
        return shards

    def files_of(self, keys):
        return [(key, self._files[key]) for key in keys]

    def whole(self, shard):
        return replace(shard, files=self._files.get(shard.key))


def test_small_files_share_a_shard_that_is_named_after_the_first(tmp_path):
    write(tmp_path, [f"{letter}.jsonl" for letter in "abcde"])
    size = (tmp_path / "a.jsonl").stat().st_size
    shards = list_shards(source_of(tmp_path, shard_bytes=2 * size))
    assert [shard.key for shard in shards] == ["a.jsonl~2", "c.jsonl~2", "e.jsonl"]
    assert [[file.source_file for file in shard.files or ()] for shard in shards] == [
        ["a.jsonl", "b.jsonl"],
        ["c.jsonl", "d.jsonl"],
        [],
    ]
    assert [shard.size for shard in shards] == [2 * size, 2 * size, size]


def test_rows_of_a_shard_are_counted_on_and_ids_are_those_of_the_file(tmp_path):
    write(tmp_path, ["a.jsonl", "b.jsonl.gz", "c.parquet.jsonl"])
    write_lines(tmp_path / "b2.jsonl", [b"{broken", {"text": "b2"}])
    (shard,) = list_shards(source_of(tmp_path, shard_bytes="1MiB"))
    together = list(read_shard(source_of(tmp_path), shard))
    assert [item.source_row for item in together] == list(range(11))
    first_rows = {item.source_file: item.source_row for item in reversed(together)}
    assert first_rows == {"a.jsonl": 0, "b.jsonl.gz": 3, "b2.jsonl": 6, "c.parquet.jsonl": 8}
    alone = read_all(source_of(tmp_path))
    assert [replace(item, source_row=item.source_row - first_rows[item.source_file]) for item in together] == alone


NAMES = st.sampled_from([f"{folder}{name}.jsonl" for folder in ("", "x/", "x/y/") for name in "abcdefgh"])


@IN_A_FOLDER
@given(
    waves=st.lists(st.sets(NAMES, max_size=12), min_size=1, max_size=4),
    size=st.integers(1, 400),
    later_size=st.integers(1, 400),
)
def test_a_new_file_never_changes_a_shard(tmp_path_factory, waves, size, later_size):
    folder = tmp_path_factory.mktemp("waves")
    write(folder, ["0.jsonl"])
    records = Records()
    before = []
    for number, names in enumerate(waves):
        write(folder, sorted(names - {path.relative_to(folder).as_posix() for path in folder.rglob("*.jsonl")}))
        source = source_of(folder, shard_bytes=size if number == 0 else later_size)
        shards = records.list(source)
        assert {shard.key: shard for shard in before}.items() <= {shard.key: shard for shard in shards}.items()
        before = shards
    documents = [row for shard in before for row in read_shard(source_of(folder), records.whole(shard))]
    expected = {row.doc_id: row.text for row in read_all(source_of(folder)) if isinstance(row, Document)}
    assert len(documents) == len(expected)
    assert {row.doc_id: row.text for row in documents if isinstance(row, Document)} == expected


def test_full_shards_have_at_least_the_wanted_size_so_that_they_are_few(tmp_path):
    write(tmp_path, [f"{number:03d}.jsonl" for number in range(100)])
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    for wanted in (3, 10, 40):
        assert len(list_shards(source_of(tmp_path, shard_bytes=total // wanted))) <= wanted + 1


def test_files_of_two_roots_share_no_shard(tmp_path):
    write(tmp_path, ["x/a.jsonl", "x/b.jsonl", "y/c.jsonl", "y/d.jsonl"])
    shards = list_shards(source_of(tmp_path / "x", tmp_path / "y", shard_bytes="1GiB"))
    assert [shard.key for shard in shards] == ["a.jsonl~2", "c.jsonl~2"]


def test_what_was_one_shard_stays_one_when_a_size_is_set(tmp_path):
    write(tmp_path, ["a.jsonl", "b.jsonl"], rows=50)
    records = Records()
    before = records.list(source_of(tmp_path))
    write(tmp_path, ["c.jsonl", "d.jsonl"])
    after = records.list(source_of(tmp_path, shard_bytes=500))
    assert [shard.key for shard in after] == ["a.jsonl", "b.jsonl", "c.jsonl~2"]
    assert after[:2] == before


def test_changed_missing_and_returned_files_show_in_their_shard(tmp_path):
    write(tmp_path, ["a.jsonl", "b.jsonl", "c.jsonl"])
    source, records = source_of(tmp_path, shard_bytes="1GiB"), Records()
    (first,) = records.list(source)
    assert records.list(source)[0].files is None, "nothing is new"

    write(tmp_path, ["b.jsonl"], rows=4)
    (changed,) = records.list(source)
    assert changed.key == first.key
    assert changed.version != first.version
    assert [file.size for file in changed.files or ()] == [file.size for file in list_shards(source)[0].files or ()]

    (tmp_path / "b.jsonl").rename(tmp_path / "away")
    (missing,) = records.list(source)
    assert missing.version == changed.version, "results stay current: discovery only adds"
    assert [file.gone_since for file in missing.files or ()] == [None, NOW, None]
    assert {row.source_file for row in read_shard(source, missing)} == {"a.jsonl", "c.jsonl"}
    assert relist_shard(source, missing).version == missing.version
    assert records.list(source)[0].files is None

    (tmp_path / "away").rename(tmp_path / "b.jsonl")
    (back,) = records.list(source, missing_since=None)
    assert [file.gone_since for file in back.files or ()] == [None, None, None]
    assert len(list(read_shard(source, back))) == 10


def test_some_files_of_a_corpus_say_nothing_about_the_others(tmp_path):
    write(tmp_path, ["a.jsonl", "b.jsonl", "c.jsonl"])
    records = Records()
    (whole,) = records.list(source_of(tmp_path, shard_bytes="1GiB"))
    assert records.list(source_of(tmp_path / "b.jsonl", shard_bytes="1GiB"), missing_since=None) == [whole]


def test_a_shard_of_which_nothing_is_left_is_not_listed(tmp_path):
    write(tmp_path, ["a.jsonl", "b.jsonl", "c.jsonl"])
    source, records = source_of(tmp_path, shard_bytes=100), Records()
    assert [shard.key for shard in records.list(source)] == ["a.jsonl~2", "c.jsonl"]
    (tmp_path / "a.jsonl").unlink()
    (tmp_path / "b.jsonl").unlink()
    assert [shard.key for shard in records.list(source)] == ["c.jsonl"]


def test_a_corpus_that_has_moved_keeps_its_shards(tmp_path):
    write(tmp_path / "old", ["a.jsonl", "b.jsonl"])
    records = Records()
    (before,) = records.list(source_of(tmp_path / "old", shard_bytes="1GiB"))
    (tmp_path / "old").rename(tmp_path / "new")
    (after,) = records.list(source_of(tmp_path / "new"))
    assert (after.key, after.version) == (before.key, before.version)
    assert after.url == str(tmp_path / "new/a.jsonl")


def listing(count, size):
    return RawFiles.collect(
        RawFile(f"s3://b/{number:07d}.gz", f"{number:07d}.gz", size, "x") for number in range(count)
    )


def test_a_corpus_of_too_many_files_gets_shards_of_many():
    few, many = listing(MAX_SHARDS, 10**6), listing(20_000, 10**8)
    source = source_of("s3://b")
    assert shard_bytes(source, few, {}) is None
    wanted = shard_bytes(source, many, {})
    assert wanted is not None
    assert wanted == suggested_bytes(20_000 * 10**8)
    assert wanted % 2**20 == 0
    assert 20_000 * 10**8 / wanted <= 4_000
    assert suggested_bytes(1) == 64 * 2**20
    of_one = list_shards_of(["a"])
    assert shard_bytes(source, few, of_one) is None
    assert shard_bytes(source, many, of_one) == wanted, "a corpus that grows beyond the limit"
    assert shard_bytes(source, few, list_shards_of(["a~7"])) == 64 * 2**20, "and one of many, too"
    assert shard_bytes(source_of("s3://b", rows_per_shard=7), many, {}) is None


def test_files_that_make_a_corpus_too_large_share_shards_and_no_other_shard_changes(monkeypatch, tmp_path):
    monkeypatch.setattr(grouping, "MAX_SHARDS", 3)
    write(tmp_path, ["a.jsonl", "b.jsonl", "c.jsonl"])
    records = Records()
    assert [shard.key for shard in records.list(source_of(tmp_path))] == ["a.jsonl", "b.jsonl", "c.jsonl"]
    write(tmp_path, ["d.jsonl", "e.jsonl", "f.jsonl"])
    assert [shard.key for shard in records.list(source_of(tmp_path))] == ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl~3"]
    write(tmp_path, ["g.jsonl"])
    assert [shard.key for shard in records.list(source_of(tmp_path))][3:] == ["d.jsonl~3", "g.jsonl"]


def list_shards_of(keys):
    return {key: Shard(key, "", "", "auto", None, None, 1, "x", None) for key in keys}


LINES = st.lists(
    st.one_of(
        st.integers(0, 60).map(lambda n: json.dumps({"text": "x" * n}).encode()),
        st.sampled_from([b"", b"  ", b"\r", b"{broken", '{"text": "é\\r"}\r'.encode()]),
    ),
    max_size=60,
)


@IN_A_FOLDER
@given(lines=LINES, size=st.integers(1, 800), ends=st.booleans())
def test_the_pieces_of_a_file_of_lines_are_the_whole_file(tmp_path, lines, size, ends):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([b'{"text": "first"}', *lines]) + (b"\n" if ends else b""))
    whole = read_all(source_of(path))
    source = source_of(path, shard_bytes=size)
    shards = list_shards(source)
    parts = [list(read_shard(source, shard)) for shard in shards]
    assert [row for part in parts for row in part] == whole
    assert all(parts)
    if len(shards) > 1:
        assert [len(part) for part in parts] == [shard.rows for shard in shards]
        assert shards[0].byte_start == 0
        assert all(one.byte_end == two.byte_start for one, two in pairwise(shards))
        assert path.stat().st_size >= 1.5 * size


def test_a_large_file_of_lines_is_read_from_the_middle(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"raw_content": "x" * 1000, "n": n} for n in range(2000)])
    source = source_of(path, shard_bytes="512KiB")
    shards = list_shards(source)
    assert [shard.rows for shard in shards] == [501, 501, 500, 498]
    assert shards[1].key == "a.jsonl@501-1002"
    # Reading the last piece decodes nothing of the first, where every line is now invalid UTF-8.
    data, end = path.read_bytes(), shards[0].byte_end
    path.write_bytes(data[:end].replace(b"x", b"\xff") + data[end:])
    rows = list(read_shard(source_of(path, format="redpajama_v2"), shards[3]))
    assert all(isinstance(row, Document) for row in rows)
    assert [row.source_row for row in rows] == list(range(1502, 2000))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_compressed_file_is_one_shard_however_large(tmp_path, name):
    write(tmp_path, [name], rows=1000)
    (shard,) = list_shards(source_of(tmp_path, shard_bytes=100))
    assert (shard.key, shard.rows) == (name.rpartition(".jsonl")[0], None)


def test_a_parquet_file_is_cut_between_row_groups(tmp_path):
    table = pa.table({"text": [f"{n:0100d}" for n in range(1000)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=100, compression="none", use_dictionary=False)
    size = (tmp_path / "a.parquet").stat().st_size
    source = source_of(tmp_path, shard_bytes=size // 3)
    shards = list_shards(source)
    assert [(shard.row_start, shard.row_end) for shard in shards] == [(0, 300), (300, 700), (700, 1000)]
    assert [row for shard in shards for row in read_shard(source, shard)] == read_all(source_of(tmp_path))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1000)
    assert [shard.key for shard in list_shards(source)] == ["a"]


def test_an_unchanged_file_keeps_its_pieces_and_a_changed_one_is_cut_anew(tmp_path):
    write(tmp_path, ["a.jsonl"], rows=100)
    records = Records()
    before = records.list(source_of(tmp_path, shard_bytes=500))
    assert records.list(source_of(tmp_path, shard_bytes=900)) == before
    # A kill left one of them unrecorded: it is found again.
    del records.known[before[1].key]
    assert list_shards(source_of(tmp_path, shard_bytes=500), records.known) == before
    write(tmp_path, ["a.jsonl"], rows=150)
    after = records.list(source_of(tmp_path, shard_bytes=500))
    assert after[-1].row_end == 150
    with pytest.raises(CorpusError, match=r"cut into shards by size, so .* may begin in the middle of a line"):
        relist_shard(source_of(tmp_path), before[1])


def test_a_damaged_file_that_is_to_be_cut_fails_the_listing(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1" * 100)
    with pytest.raises(CorpusError, match=r"a\.parquet is not a readable Parquet file"):
        list_shards(source_of(tmp_path, shard_bytes=100))


def test_two_sizes_are_one_too_many():
    with pytest.raises(ValueError, match="shard_bytes and rows_per_shard both say how large a shard is"):
        source_of("a", shard_bytes="1GiB", rows_per_shard=10)
