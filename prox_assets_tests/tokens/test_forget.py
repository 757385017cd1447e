"""Documents taken out of token files: what is left is what would be written after the withdrawal, byte for byte."""

import shutil
from dataclasses import replace
from typing import get_args

import polars as pl
import pytest

from prox_assets.lake.records.exports import exports
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.lake.storage.storage import Storage
from prox_assets.stages.withdrawal.documents import finish, remove_documents
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.folder import folder_of, read_manifest, read_record, write_record
from prox_assets.tokens.forget import documents_of, forget_documents, is_unfinished
from prox_assets.tokens.manifest import MANIFEST
from prox_assets.tokens.settings import Format
from prox_assets.tokens.verify import file_problems
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.tokens.token_lakes import (
    CORPUS,
    Killed,
    killed_after,
    lake_of,
    llama_like,
    pages,
    settings_of,
    tokens_of,
)

SMALL = {"formats": get_args(Format), "sequence_length": 16, "litgpt_sequences": 4, "splits": {"validation": 0.4}}
SHARD = "part-0.jsonl"


@pytest.fixture
def lake(tmp_path):
    return lake_of(tmp_path, pages())


@pytest.fixture
def settings(tmp_path_factory):
    return settings_of(llama_like(tmp_path_factory.mktemp("tokenizer") / "llama"), **SMALL)


def written(lake, settings):
    write_tokens(lake, settings)
    manifest = write_manifest(lake, settings)
    [export] = exports(lake)
    return manifest, export, pl.concat(list(documents_of(export)))


def test_what_is_left_is_what_would_be_written_after_the_withdrawal(lake, settings):
    _, export, documents = written(lake, settings)
    assert documents.columns == ["corpus", "shard", "doc_id", "url", "text_hash"]
    assert documents.height == 24
    gone = documents.filter(shard=SHARD)["doc_id"].to_list()[2:9:3]
    before = tokens_of(lake)

    assert forget_documents(lake, export, [*gone, "no such document"]) == 3
    left = pl.concat(list(documents_of(export)))
    assert set(documents["doc_id"]) - set(left["doc_id"]) == set(gone)
    assert forget_documents(lake, export, gone) == 0
    after = tokens_of(lake)
    changed = {path for path in before if after.get(path) != before[path]}
    assert changed
    assert all(SHARD in path for path in changed), "nothing else is written again"

    for doc_id in gone:
        remember(lake, Withdrawal(WithdrawnBy.DOC_ID, doc_id, "asked for"))
    assert all(shard.was_current for shard in write_tokens(lake, settings))
    manifest = write_manifest(lake, settings)
    fresh = settings.model_copy(update={"name": "fresh"})
    write_tokens(lake, fresh)
    assert [s.files for s in write_manifest(lake, fresh).shards] == [s.files for s in manifest.shards]


@pytest.mark.local_lake
@pytest.mark.parametrize(("published", "left"), [*((number, 6) for number in range(0, 16, 2)), (16, 1)])
def test_killed_in_the_middle_it_is_repeated(lake, settings, published, left):
    _, export, documents = written(lake, settings)
    of_shard = documents.filter(shard=SHARD)["doc_id"].to_list()
    gone = [*of_shard[:3], *of_shard[-2:]]  # of both splits
    for doc_id in gone:
        remember(lake, Withdrawal(WithdrawnBy.DOC_ID, doc_id, "asked for"))
    with killed_after(published):
        forget_documents(lake, export, gone)
    # Another document is withdrawn, too, before it is repeated.
    assert forget_documents(lake, export, [*gone, documents["doc_id"][-1]]) == left
    remember(lake, Withdrawal(WithdrawnBy.DOC_ID, documents["doc_id"][-1], "asked for"))
    assert all(shard.was_current for shard in write_tokens(lake, settings))
    fresh = settings.model_copy(update={"name": "fresh"})
    write_tokens(lake, fresh)
    expected = [shard.files for shard in write_manifest(lake, fresh).shards]
    assert [shard.files for shard in write_manifest(lake, settings).shards] == expected


def test_a_shard_whose_writer_died_is_removed_whole(lake, settings):
    _, export, documents = written(lake, settings)
    folder = folder_of(lake, settings)
    record = read_record(folder, (CORPUS, SHARD))
    assert record is not None
    write_record(folder, record.model_copy(update={"identity": "", "paths": tuple(record.all_paths), "shards": ()}))
    gone = documents.filter(shard=SHARD)["doc_id"].to_list()[:1]
    forget_documents(lake, export, gone)
    assert set(pl.concat(list(documents_of(export)))["shard"]) == {"part-1.jsonl"}
    assert not any(SHARD in path for path in tokens_of(lake))
    assert not folder.exists("manifest.json")


@pytest.mark.local_lake
def test_killed_while_it_removes_the_files_of_an_emptied_split(lake, settings, monkeypatch):
    _, export, _ = written(lake, settings)
    folder = folder_of(lake, settings)
    record = read_record(folder, (CORPUS, SHARD))
    assert record is not None
    [validation] = [shard for shard in record.shards if shard.split == "validation"]
    listed = f"documents/validation/{CORPUS}/{SHARD}.parquet"
    with folder.open(listed) as file:
        gone = pl.read_parquet(file)["doc_id"].to_list()
    removed: list[str] = []
    remove = Storage.remove

    for most in range(1, len(validation.files) + 1):
        copy = Storage(f"{folder.root}-{most}")
        shutil.copytree(folder.root, copy.root)
        copied = replace(export, url=copy.root)
        removed.clear()

        def remove_some(self: Storage, relative: str, copy: Storage = copy, most: int = most) -> None:
            remove(self, relative)
            if self.root == copy.root:
                removed.append(relative)
                if len(removed) == most:
                    raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(Storage, "remove", remove_some)
            with pytest.raises(Killed):
                forget_documents(lake, copied, gone)
        assert is_unfinished(copied)
        held = {doc_id for frame in documents_of(copied) for doc_id in frame["doc_id"]}
        known = set(gone) <= held
        assert known or not any(copy.exists(file.path) for file in validation.files), "what files hold is known"
        forget_documents(lake, copied, ())
        assert not is_unfinished(copied)
        assert not [path for file in validation.files if copy.exists(path := file.path)]
        assert not file_problems(copy)


@pytest.mark.local_lake
def test_a_manifest_that_was_not_written_again_is_what_a_cut_short_forgetting_leaves(lake, settings):
    manifest, export, documents = written(lake, settings)
    assert not is_unfinished(export)
    forget_documents(lake, export, documents["doc_id"][:1])
    folder = folder_of(lake, settings)
    after = read_manifest(folder)
    folder.write_bytes(MANIFEST, manifest.model_dump_json().encode())
    assert is_unfinished(export)
    forget_documents(lake, export, ())
    assert read_manifest(folder) == after != manifest


def test_token_files_are_current_after_a_withdrawal_and_out_of_date_only_before(lake, settings):
    _, export, documents = written(lake, settings)
    gone = documents.filter(shard=SHARD)["doc_id"].to_list()[:2]
    for doc_id in gone:
        remember(lake, Withdrawal(WithdrawnBy.DOC_ID, doc_id, "asked for"))
    finish(lake, [remove_documents(lake, CORPUS, SHARD, "run")], "run")
    with pytest.raises(TokensError, match=r"1 of 2 shards .* out of date"):
        write_manifest(lake, settings)
    assert forget_documents(lake, export, gone) == 2
    manifest = write_manifest(lake, settings)
    assert all(shard.was_current for shard in write_tokens(lake, settings))
    assert sum(shard.documents for shard in manifest.shards) == 22
    fresh = settings.model_copy(update={"name": "fresh"})
    write_tokens(lake, fresh)
    assert [s.identity for s in write_manifest(lake, fresh).shards] == [s.identity for s in manifest.shards]
