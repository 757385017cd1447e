"""kill -9 while token files are written: what was finished is kept, the rest is written again, and nothing is mixed."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import numpy as np
import pytest
from s3fs import S3FileSystem

from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.records.exports import exports
from prox_assets.lake.storage.storage import Storage
from prox_assets.stages.run import Progress
from prox_assets.tokens.folder import folder_of, read_manifest
from prox_assets.tokens.forget import documents_of, forget_documents
from prox_assets.tokens.writing.spool import Spool
from prox_assets.tokens.writing.workers import write_all
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.tokens.token_lakes import (
    ids_of,
    killed_after,
    lake_of,
    llama_like,
    pages,
    settings_of,
    tokens_of,
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return llama_like(tmp_path_factory.mktemp("tokenizer") / "llama")


@pytest.mark.local_lake
def test_after_a_kill_the_finished_shards_are_kept(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages(6))
    settings = settings_of(tokenizer)
    module = "prox_assets_tests.tokens.writing.write_slowly"
    command = [sys.executable, "-m", module, lake.url, settings.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        done = [worker.stdout.readline().strip() for _ in range(3)]
        worker.send_signal(signal.SIGKILL)
    assert all(done), "it ended before it could be killed"
    assert read_manifest(folder_of(lake, settings)) is None

    written = write_tokens(lake, settings)
    kept = [shard.shard for shard in written if shard.was_current]
    assert kept[:3] == done
    assert len(kept) < 6
    calm = settings.model_copy(update={"name": "calm"})
    write_tokens(lake, calm)
    expected = [shard.files for shard in write_manifest(lake, calm).shards]
    assert [shard.files for shard in write_manifest(lake, settings).shards] == expected
    assert not lake.storage.list_files("_tmp")


@pytest.mark.local_lake
@pytest.mark.parametrize("published", range(6))
def test_files_of_two_settings_are_never_mixed(tokenizer, tmp_path, published):
    lake = lake_of(tmp_path, pages(1))
    first = settings_of(tokenizer)
    second = settings_of(tokenizer, seed=1, formats=["megatron", "parquet_documents"])
    write_tokens(lake, first)
    before = tokens_of(lake)
    with killed_after(published):
        write_tokens(lake, second)
    write_tokens(lake, first)
    assert tokens_of(lake) == before


def test_on_an_object_store(tokenizer, tmp_path, s3_endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("PROX_TEST_LAKES", "s3://tokens")
    S3FileSystem.clear_instance_cache()
    boto3.client("s3").create_bucket(Bucket="tokens")
    lake = lake_of(tmp_path, pages(2))
    settings = settings_of(tokenizer, formats=["megatron", "parquet_packed"], sequence_length=16)
    write_tokens(lake, settings)
    manifest = write_manifest(lake, settings)
    assert manifest.tokens() == sum(len(ids_of(lake, settings, f"part-{number}.jsonl")) for number in (0, 1))
    [export] = exports(lake)
    assert export.url == "s3://tokens" + str(tmp_path / "lake" / "_tokens" / "x")
    first = next(documents_of(export))["doc_id"][0]
    assert forget_documents(lake, export, [first]) == 1
    assert first not in {doc_id for frame in documents_of(export) for doc_id in frame["doc_id"]}
    after = read_manifest(folder_of(lake, settings))
    assert after is not None
    assert sum(shard.documents for shard in after.shards) == 23
    assert [shard.was_current for shard in write_tokens(lake, settings)] == [False, True], "it is not withdrawn"


@pytest.mark.local_lake
def test_ctrl_c_ends_the_workers_before_they_have_written_every_shard(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages(12, 2))
    main = threading.main_thread().ident
    assert main is not None
    begun: list[str] = []

    def report(step: str, shard: str) -> Progress:
        del step
        begun.append(shard)
        if len(begun) == 3:  # one worker has written a shard
            signal.pthread_kill(main, signal.SIGINT)
        if len(begun) > 2:
            time.sleep(0.5)
        return lambda *_: None

    with pytest.raises(KeyboardInterrupt):
        write_all(lake, settings_of(tokenizer), "run", workers=2, report=report)
    assert len(begun) <= 6
    assert [shard.was_current for shard in write_tokens(lake, settings_of(tokenizer))].count(False) >= 6


def test_a_full_disk_is_named_with_what_to_do(tmp_path):
    with Spool(Storage(str(tmp_path)), np.dtype("<u2")) as spool, Path("/dev/full").open("wb", buffering=0) as full:
        spool._file = full
        with pytest.raises(RetryableLakeError, match=f"unfinished files in {tmp_path}/_tmp: .*Make room on that disk"):
            spool.add([b"12"])
