"""Listings too large to hold: page by page, few requests, and only what is new is planned."""

import pytest

from prox_assets.corpora.grouping import MAX_SHARDS
from prox_assets.corpora.shards import list_shards
from prox_assets.testing.servers.listing_server import BUCKET, crawl_keys, listing_server
from prox_assets.testing.servers.object_store import S3_CREDENTIALS
from prox_assets_tests.corpora.raw_files import source_of

OBJECTS = 6_000


@pytest.fixture
def server(monkeypatch):
    for name, value in S3_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with listing_server(crawl_keys(OBJECTS)) as running:
        yield running


def corpus(server, path="documents/**/*.json.gz", **options):
    return source_of(f"s3://{BUCKET}/{path}", storage_options={"endpoint_url": server.url}, **options)


def test_a_new_corpus_of_too_many_files_is_listed_in_pages_and_shares_shards(server):
    shards = list_shards(corpus(server))
    # A request for the folder, and one for every thousand objects in 1,500 folders.
    assert server.requests <= OBJECTS / 1000 + 2
    assert len(shards) < MAX_SHARDS < OBJECTS
    assert sum(len(shard.files or [1]) for shard in shards) == OBJECTS
    assert [file.source_file for shard in shards for file in shard.files or ()] == [
        key.removeprefix("documents/") for key in server.keys
    ]
    assert shards[0].key.startswith("2014__0000__de_head")
    assert shards[0].url == f"s3://{BUCKET}/{server.keys[0]}"


def test_objects_that_came_later_are_all_that_is_planned(server):
    first = {shard.key: shard for shard in list_shards(corpus(server))}
    kept = {key: tuple(shard.files or ()) for key, shard in first.items()}
    server.keys = crawl_keys(OBJECTS + 10)
    asked = []

    def files_of(keys):
        asked.append(len(keys))
        return ((key, kept[key]) for key in keys)

    again = list_shards(corpus(server), first, files_of=files_of)
    assert asked == [len(first), 0], "all are asked for once, to know their files, and none because it has changed"
    assert {shard.key: shard for shard in again[: len(first)]} == first
    [new] = again[len(first) :]
    assert [file.source_file for file in new.files or ()] == [
        key.removeprefix("documents/") for key in server.keys[OBJECTS:]
    ]


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("documents", OBJECTS),
        ("documents/*/*/en_head.json.gz", OBJECTS / 4),
        ("documents/2014/00[0-4]?/*", 50 * 4),
        ("documents/2014/0007/*", 4),
        ("documents/2014/0007/en_*", 2),
    ],
)
def test_patterns_mean_what_they_do_on_a_disk(server, path, count):
    files = [file for shard in list_shards(corpus(server, path)) for file in shard.files or [shard]]
    assert len(files) == count
