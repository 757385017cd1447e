"""Shard keys: safe as partition key and file name, stable, and never shared by two shards."""

import string

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.corpora.keys import shard_stems, stem_of, with_rows

# Few characters, chosen to clash: separators, what replaces them, dots, and hexadecimal digits.
CLASHING_PATHS = st.text(alphabet="/_.-ab0@ |é", min_size=1, max_size=12)
ANY_PATHS = st.text(min_size=1, max_size=300)
# The same few stems with and without the extensions that keys leave out.
FILES = st.builds(
    str.__add__,
    st.sampled_from(["a", "b", "a.jsonl", "en/a", ""]),
    st.sampled_from(
        ["", ".parquet", ".jsonl.gz", ".json.zst", ".parquet.parquet", "-0123456789abcdef", "-0123456789abcdef.parquet"]
    ),
)
PATHS = st.one_of(CLASHING_PATHS, ANY_PATHS, FILES.filter(bool))
RANGES = st.one_of(st.none(), st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)))
SAFE = set(string.ascii_letters + string.digits + "._-@")


def key_of(path: str, rows: tuple[int, int] | None = None) -> str:
    return with_rows(shard_stems([path])[path], *(rows or (None, None)))


@given(PATHS, RANGES)
def test_a_key_is_safe_as_file_name_and_partition_key(path, rows):
    key = key_of(path, rows)
    assert set(key) <= SAFE
    assert key[0] not in ".-@"
    assert ".." not in key
    assert len(f"{key}.parquet") < 220
    assert stem_of(key) == key_of(path)


@given(st.lists(PATHS, min_size=1, max_size=20, unique=True), st.integers(0, 20), st.booleans())
def test_files_never_share_a_key_however_they_arrive(paths, first, of_an_earlier_release):
    """What is recorded stays, and what comes later gets out of its way."""
    earlier = {path: path for path in paths[:first] if key_of(path) == path}
    recorded = earlier if of_an_earlier_release else shard_stems(paths[:first])
    stems = shard_stems(paths, recorded)
    assert len(set(stems.values())) == len(paths)
    assert recorded.items() <= stems.items()
    assert shard_stems(paths, stems) == stems


@given(st.lists(PATHS, min_size=2, max_size=20, unique=True))
def test_the_order_of_a_listing_changes_no_key(paths):
    assert shard_stems(paths) == shard_stems(reversed(paths))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("c4-train.00000-of-01024.json.gz", "c4-train.00000-of-01024"),
        ("part-000.jsonl.zst", "part-000"),
        ("train-00000.parquet", "train-00000"),
        ("pages.jsonl", "pages.jsonl"),
        ("notes.gz", "notes.gz"),
        (".parquet", "x.parquet-7462bcf92a00357f"),
        ("en/c4-0.json.gz", "en__c4-0-5b5bcb0014cd07f8"),
        ("a b.jsonl", "a_b.jsonl-5e8ec566e58d48f1"),
    ],
)
def test_a_key_is_the_path_without_a_doubled_extension(path, key):
    assert key_of(path) == key


def test_files_that_differ_in_their_extension_keep_it():
    files = ["a.parquet", "a.jsonl.gz", "a", "b.parquet"]
    stems = shard_stems(files)
    assert [stems[file] for file in files[:2]] == ["a.parquet", "a.jsonl.gz"]
    assert stems["a"].startswith("a-")
    assert stems["b.parquet"] == "b"
    later = shard_stems(["a.parquet", "a.jsonl.gz"], {"a.parquet": "a"})
    assert later == {"a.parquet": "a", "a.jsonl.gz": "a.jsonl.gz"}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("c4-train.00000-of-01024.json.gz", "c4-train.00000-of-01024.json.gz"),
        ("en/c4-0.json.gz", "en__c4-0.json.gz-5b5bcb0014cd07f8"),
        ("a b.jsonl", "a_b.jsonl-5e8ec566e58d48f1"),
    ],
)
def test_a_corpus_of_an_earlier_release_keeps_its_keys_and_their_kind(path, key):
    assert shard_stems([path], {path: key}) == {path: key}
    assert shard_stems([path], {"other.json.gz": "other.json.gz"}) == {path: key}


def test_dagster_takes_keys_as_dynamic_partitions():
    paths = ("a.jsonl", "en/a b...c|d\n.jsonl", "é", ".hidden", "-x", "a" * 400)
    keys = [with_rows(stem, 0, 10) for stem in shard_stems(paths).values()]
    shards = dg.DynamicPartitionsDefinition(name="web_shards")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("web_shards", keys)
        assert list(shards.get_partition_keys(dynamic_partitions_store=instance)) == keys


def test_a_row_range_follows_an_at_sign():
    assert with_rows("a", 0, 1000) == "a@0-1000"
    assert stem_of("a@0-1000") == stem_of("a") == "a"
