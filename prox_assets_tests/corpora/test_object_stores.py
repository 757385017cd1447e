"""Corpora behind URLs: a real S3 server and the Hugging Face hub's protocol, both on loopback."""

import socket
import time

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfFileSystem

from prox_assets.corpora.filesystems import filesystem_for
from prox_assets.corpora.shards import CorpusError, SourceUnavailableError, list_shards, read_shard
from prox_assets_tests.corpora.hub_server import serve_dataset
from prox_assets_tests.corpora.raw_files import read_all, source_of, write_lines


@pytest.fixture
def bucket(s3_endpoint, tmp_path):
    """A bucket with three shards in two folders."""
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    client.create_bucket(Bucket="crawl")
    for name in ["en/1.json.gz", "en/2.jsonl.zst", "nb/1.jsonl"]:
        path = write_lines(tmp_path / name, [{"text": f"{name} {n}"} for n in range(5)])
        client.upload_file(str(path), "crawl", f"web/{name}")
    # A console makes folders by putting an empty object.
    client.put_object(Bucket="crawl", Key="web/en/", Body=b"")
    yield client
    for entry in client.list_objects_v2(Bucket="crawl")["Contents"]:
        client.delete_object(Bucket="crawl", Key=entry["Key"])
    client.delete_bucket(Bucket="crawl")


@pytest.fixture
def options(s3_endpoint):
    return {"storage_options": {"endpoint_url": s3_endpoint}}


@pytest.mark.parametrize("url", ["s3://crawl/web", "s3://crawl/web/", "s3://crawl/web/*/*", "s3://crawl/web/**/*"])
def test_a_corpus_on_s3_is_listed_and_read(bucket, options, tmp_path, url):
    source = source_of(url, **options)
    shards = list_shards(source)
    assert [shard.source_file for shard in shards] == ["en/1.json.gz", "en/2.jsonl.zst", "nb/1.jsonl"]
    assert shards[0].url == "s3://crawl/web/en/1.json.gz"
    # The same corpus in another place has the same documents, ids included.
    assert read_all(source) == read_all(source_of(tmp_path))


def test_row_ranges_of_an_object_are_read(bucket, options):
    source = source_of("s3://crawl/web/en/1.json.gz", rows_per_shard=2, **options)
    shards = list_shards(source)
    assert [shard.rows for shard in shards] == [2, 2, 1]
    assert [item.source_row for item in read_shard(source, shards[1])] == [2, 3]


def test_the_version_of_an_object_is_its_content_tag(bucket, options):
    source = source_of("s3://crawl/web/nb/1.jsonl", **options)
    (old,) = list_shards(source)
    assert old.etag == bucket.head_object(Bucket="crawl", Key="web/nb/1.jsonl")["ETag"].strip('"')
    bucket.put_object(Bucket="crawl", Key="web/nb/1.jsonl", Body=b'{"text": "new"}\n')
    (new,) = list_shards(source)
    assert new.etag != old.etag


def test_an_object_that_came_later_is_found_by_the_next_listing(bucket, options):
    source = source_of("s3://crawl/web/nb/*", **options)
    assert len(list_shards(source)) == 1
    bucket.put_object(Bucket="crawl", Key="web/nb/2.jsonl", Body=b'{"text": "new"}\n')
    assert len(list_shards(source)) == 2


@pytest.mark.parametrize("url", ["s3://crawl/nothing/*.gz", "s3://no-such-bucket/web/*", "s3://crawl/nothing"])
def test_nothing_there_is_an_error_and_not_an_empty_corpus(bucket, options, url):
    with pytest.raises(CorpusError, match=url.split("*")[0]):
        list_shards(source_of(url, **options))


def closed_endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_an_s3_server_that_does_not_answer_is_an_error(bucket, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    source = source_of("s3://crawl/web/*/*", storage_options={"endpoint_url": closed_endpoint()})
    with pytest.raises(SourceUnavailableError, match=r"cannot list s3://crawl/web/\*/\*.*credentials"):
        list_shards(source)


def test_hub_urls_go_to_the_hub_s_own_file_system():
    source = source_of("hf://datasets/owner/name@main/data/*.parquet", storage_options={"endpoint": closed_endpoint()})
    filesystem, path = filesystem_for(source, source.urls[0])
    assert isinstance(filesystem, HfFileSystem)
    assert path == "datasets/owner/name@main/data/*.parquet"


@pytest.fixture
def hub(tmp_path):
    """A hub dataset with two shards; the same files lie in tmp_path."""
    pq.write_table(pa.table({"text": [f"page {n}" for n in range(5)]}), tmp_path / "0.parquet")
    write_lines(tmp_path / "more" / "1.jsonl.gz", [{"text": "x"}, {"text": "y"}])
    names = ["0.parquet", "more/1.jsonl.gz"]
    with serve_dataset("owner/name", {f"data/{name}": (tmp_path / name).read_bytes() for name in names}) as endpoint:
        yield {"storage_options": {"endpoint": endpoint, "token": False}}


@pytest.mark.parametrize("revision", ["", "@main", "@refs%2Fconvert%2Fparquet"])
@pytest.mark.parametrize("pattern", ["data", "data/**/*"])
def test_a_dataset_on_the_hub_is_listed_and_read(hub, tmp_path, revision, pattern):
    source = source_of(f"hf://datasets/owner/name{revision}/{pattern}", **hub)
    assert [shard.source_file for shard in list_shards(source)] == ["0.parquet", "more/1.jsonl.gz"]
    assert all(shard.etag for shard in list_shards(source))
    assert read_all(source) == read_all(source_of(tmp_path))


@pytest.mark.parametrize("path", ["owner/name/data/*.zst", "owner/name/nothing", "owner/other/data/*"])
def test_nothing_there_on_the_hub_is_an_error(hub, path):
    with pytest.raises(CorpusError, match=path.split("*")[0]):
        list_shards(source_of(f"hf://datasets/{path}", **hub))


def test_a_hub_that_cannot_be_reached_is_an_error_soon():
    source = source_of("hf://datasets/owner/name/data/*.parquet", storage_options={"endpoint": closed_endpoint()})
    started = time.monotonic()
    with pytest.raises(SourceUnavailableError, match=r"cannot list hf://datasets/owner/name/data/\*\.parquet.*reaches"):
        list_shards(source)
    assert time.monotonic() - started < 60
