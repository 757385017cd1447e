"""Shard keys: safe as partition key and file name, stable, and never shared by two shards."""

import string

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.corpora.keys import shard_key

# Few characters, chosen to clash: separators, what replaces them, dots, and hexadecimal digits.
CLASHING_PATHS = st.text(alphabet="/_.-ab0@ |é", min_size=1, max_size=12)
ANY_PATHS = st.text(min_size=1, max_size=300)
PATHS = st.one_of(CLASHING_PATHS, ANY_PATHS)
RANGES = st.one_of(st.none(), st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)))
SAFE = set(string.ascii_letters + string.digits + "._-@")


@given(PATHS, RANGES)
def test_a_key_is_safe_as_file_name_and_partition_key(path, rows):
    key = shard_key(path, *(rows or ()))
    assert set(key) <= SAFE
    assert key[0] not in ".-@"
    assert ".." not in key
    assert len(f"{key}.parquet") < 220


@given(st.lists(st.tuples(PATHS, RANGES), min_size=2, max_size=20, unique=True))
def test_different_shards_never_share_a_key(shards):
    keys = [shard_key(path, *(rows or ())) for path, rows in shards]
    assert len(set(keys)) == len(keys)


@given(CLASHING_PATHS)
def test_a_path_that_is_another_path_s_key_gets_a_key_of_its_own(path):
    key = shard_key(path)
    assert key == path or shard_key(key) != key


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("c4-train.00000-of-01024.json.gz", "c4-train.00000-of-01024.json.gz"),
        ("en/c4-0.json.gz", "en__c4-0.json.gz-5b5bcb0014cd07f8"),
        ("a b.jsonl", "a_b.jsonl-5e8ec566e58d48f1"),
    ],
)
def test_keys_stay_what_they_were_in_earlier_releases(path, key):
    assert shard_key(path) == key


def test_dagster_takes_keys_as_dynamic_partitions():
    keys = [shard_key(path, 0, 10) for path in ("a.jsonl", "en/a b...c|d\n.jsonl", "é", ".hidden", "-x", "a" * 400)]
    shards = dg.DynamicPartitionsDefinition(name="web_shards")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("web_shards", keys)
        assert list(shards.get_partition_keys(dynamic_partitions_store=instance)) == keys


def test_a_row_range_follows_an_at_sign():
    assert shard_key("a.parquet", 0, 1000) == "a.parquet@0-1000"
