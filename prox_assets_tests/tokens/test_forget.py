"""Documents taken out of token files: what is left is what would be written after the withdrawal, byte for byte."""

from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from prox_assets.lake.exports import exports
from prox_assets.lake.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.tokens.folder import folder_of, read_record, write_record
from prox_assets.tokens.forget import documents_of, forget_documents
from prox_assets.tokens.settings import Format
from prox_assets.tokens.write import write_manifest, write_tokens
from prox_assets_tests.lakes import files_of
from prox_assets_tests.tokens.token_lakes import CORPUS, lake_of, llama_like, pages, settings_of

SMALL = {"formats": get_args(Format), "sequence_length": 16, "litgpt_sequences": 4, "splits": {"validation": 0.4}}
SHARD = "part-0.jsonl"


class Killed(BaseException):
    """The process ends here."""


def tokens_of(lake) -> dict[str, bytes]:
    """Return all files but the manifest, which has the time."""
    return {
        path: data for path, data in files_of(lake).items() if path.startswith("_tokens/") and "manifest" not in path
    }


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
def test_killed_in_the_middle_it_is_repeated(lake, settings, monkeypatch, published, left):
    _, export, documents = written(lake, settings)
    of_shard = documents.filter(shard=SHARD)["doc_id"].to_list()
    gone = [*of_shard[:3], *of_shard[-2:]]  # of both splits
    for doc_id in gone:
        remember(lake, Withdrawal(WithdrawnBy.DOC_ID, doc_id, "asked for"))
    put, rename = [], Path.replace

    def replace(self: Path, target: Path) -> Path:
        if "/_tokens/x/" in str(target):
            put.append(target)
            if len(put) > published:
                raise Killed
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(Killed):
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
