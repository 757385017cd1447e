"""What is in token files: which documents, in which order and split, with which tokens; and when they are current."""

import hashlib

import polars as pl
import pytest

from prox_assets.lake.records.exports import exports
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.proof.arms.build import write_arm
from prox_assets.proof.texts.documents import write_documents
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.folder import (
    ShardRecord,
    documents_file,
    folder_of,
    read_manifest,
    recorded_shards,
    token_file,
    write_record,
)
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.lakes import LakeFile, lake_at
from prox_assets_tests.proof.refined_sample import proof_of, refine
from prox_assets_tests.tokens.token_lakes import CORPUS, encode, ids_of, lake_of, large, llama_like, pages, settings_of

SHARD = "part-0.jsonl"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return llama_like(tmp_path_factory.mktemp("tokenizer") / "llama")


def table(lake, settings, split="train", shard=SHARD) -> pl.DataFrame:
    folder = folder_of(lake, settings)
    with folder.open(documents_file(split, (CORPUS, shard))) as file:
        return pl.read_parquet(file)


def test_a_document_ends_with_one_end_of_text_and_begins_with_bos_only_by_policy(tokenizer, tmp_path):
    lake = lake_of(tmp_path, {SHARD: [("https://a.example/", "one <s> </s>"), ("https://b.example/", "two")]})
    plain = settings_of(tokenizer, shuffle=False)
    write_tokens(lake, plain)
    expected = [encode(tokenizer, "one <s> </s>"), encode(tokenizer, "two")]
    assert not {0, 1, 2}.intersection(expected[0]), "what looks like a special token is text"
    assert ids_of(lake, plain, SHARD).tolist() == [*expected[0], 2, *expected[1], 2]

    with_bos = settings_of(tokenizer, name="bos", shuffle=False, beginning_of_text="document")
    write_tokens(lake, with_bos)
    assert ids_of(lake, with_bos, SHARD).tolist() == [1, *expected[0], 2, 1, *expected[1], 2]
    assert table(lake, with_bos)["tokens"].to_list() == [len(each) + 2 for each in expected]


def test_no_site_is_in_two_splits_and_documents_of_raw_text_are_all_there(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages(1, 60))
    settings = settings_of(tokenizer, splits={"validation": 0.3, "test": 0.2}, seed=2)
    [shard] = write_tokens(lake, settings)
    sites = {}
    for split in shard.splits:
        documents = table(lake, settings, split.split)
        sites[split.split] = set(documents["url"].str.extract("//([^/]*)/"))
        assert (documents.height, documents["tokens"].sum()) == (split.documents, split.tokens)
        assert len(ids_of(lake, settings, SHARD, split.split)) == split.tokens
    assert len(sites) > 1
    assert sum(map(len, sites.values())) == len(set().union(*sites.values())) == 5
    raw = {row["doc_id"]: row for row in lake.rows(CORPUS, "documents", SHARD)}  # type: ignore[arg-type]
    found = pl.concat([table(lake, settings, split) for split in sites])
    assert set(found["doc_id"]) == set(raw)
    for row in found.iter_rows(named=True):
        assert (row["url"], row["text_hash"]) == (raw[row["doc_id"]]["url"], raw[row["doc_id"]]["text_hash"])
        assert row["characters"] == len(raw[row["doc_id"]]["text"])

    by_owner = settings_of(tokenizer, name="owners", site="owner", splits={"validation": 0.5})
    write_tokens(lake, by_owner)
    with pytest.raises(TokensError, match=r"no document of shard .* column 'nothing'"):
        write_tokens(lake, settings_of(tokenizer, name="n", site="nothing", splits={"validation": 0.5}))


def test_the_shuffle_depends_on_the_seed_and_changes_only_the_order(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages(1))
    orders = []
    for name, changes in {"a": {}, "b": {}, "c": {"seed": 1}, "d": {"shuffle": False}}.items():
        settings = settings_of(tokenizer, name=name, **changes)
        write_tokens(lake, settings)
        orders.append(table(lake, settings)["doc_id"].to_list())
    first, again, other, as_read = orders
    assert first == again
    assert len({tuple(each) for each in (first, other, as_read)}) == 3
    assert as_read == [row["doc_id"] for row in lake.rows(CORPUS, "documents", SHARD)]  # type: ignore[arg-type]
    assert sorted(first) == sorted(other) == sorted(as_read)


def test_what_is_current_is_kept_and_what_is_not_is_written_again(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages())
    settings = settings_of(tokenizer, formats=["megatron", "litgpt"], sequence_length=8, litgpt_sequences=1)
    assert [shard.was_current for shard in write_tokens(lake, settings)] == [False, False]
    manifest = write_manifest(lake, settings)
    folder = folder_of(lake, settings)
    for shard in manifest.shards:
        for file in shard.files:
            data = folder.read_bytes(file.path)
            assert data is not None
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
    assert manifest.tokens() == sum(len(ids_of(lake, settings, f"part-{number}.jsonl")) for number in (0, 1))
    assert [shard.was_current for shard in write_tokens(lake, settings)] == [True, True]
    assert write_manifest(lake, settings) == manifest == read_manifest(folder)

    LakeFile(lake, f"_tokens/x/{token_file('train', (CORPUS, SHARD))}").write_bytes(b"cut off")
    assert [shard.was_current for shard in write_tokens(lake, settings)] == [False, True]
    assert read_manifest(folder) is None, "the files are not complete before the manifest is written again"
    assert write_manifest(lake, settings).shards == manifest.shards

    fewer = settings.model_copy(update={"formats": ("megatron",)})
    with pytest.raises(TokensError, match=r"2 of 2 shards .* out of date"):
        write_manifest(lake, fewer)
    write_tokens(lake, fewer)
    write_manifest(lake, fewer)
    assert not folder.list_files(f"litgpt/train/{CORPUS}"), "files of a format that is no longer wanted are gone"
    [export] = exports(lake)
    assert (export.kind, export.name, export.corpora) == ("tokens", "x", (CORPUS,))


def test_withdrawn_documents_are_left_out_and_write_only_their_shards_again(tokenizer, tmp_path):
    shards = pages()
    lake = lake_of(tmp_path, shards)
    settings = settings_of(tokenizer)
    before = write_tokens(lake, settings)
    remember(lake, Withdrawal(WithdrawnBy.URL, shards[SHARD][3][0] + "#top", "asked for"))
    after = write_tokens(lake, settings)
    assert [shard.was_current for shard in after] == [False, True]
    assert [shard.withdrawn for shard in after] == [1, 0]
    assert after[0].splits[0].documents == before[0].splits[0].documents - 1
    assert shards[SHARD][3][0] not in set(table(lake, settings)["url"])

    remember(lake, Withdrawal(WithdrawnBy.DOMAIN, "example", "all of it"))
    assert [shard.splits for shard in write_tokens(lake, settings)] == [(), ()]
    assert write_manifest(lake, settings).shards == ()
    assert not folder_of(lake, settings).list_files(f"tokens/train/{CORPUS}")


def test_refined_text_and_arms_of_a_proof(tokenizer, tmp_path):
    lake = lake_at(tmp_path / "lake")
    refine(lake)
    settings = settings_of(tokenizer, source={"kind": "table", "corpora": ["sample"]}, shuffle=False)
    written = write_tokens(lake, settings)
    for shard in written:
        rows = [row for row in lake.rows("sample", "refined", shard.shard) if row["text"]]  # type: ignore[arg-type]
        folder = folder_of(lake, settings)
        with folder.open(documents_file("train", ("sample", shard.shard))) as file:
            documents = pl.read_parquet(file)
        assert documents["doc_id"].to_list() == [row["doc_id"] for row in rows]
        assert documents["text_hash"].to_list() == [row["raw_hash"] for row in rows]
        assert documents["characters"].to_list() == [len(row["text"]) for row in rows]

    lines = {"kind": "random_lines", "name": "lines", "like": "c4"}
    proof, folder = proof_of(tmp_path / "proofs" / "p", {"kind": "rules", "name": "c4", "rules": ["c4"]}, lines)
    write_documents(lake, proof, folder)
    for arm in ("c4", "lines"):
        notes = write_arm(lake, proof, folder, arm)
        of_arm = settings_of(tokenizer, name=arm, source={"kind": "arm", "proof": "p", "arm": arm})
        shards = write_tokens(lake, of_arm, proofs=str(tmp_path / "proofs"))
        splits = [split for shard in shards for split in shard.splits]
        assert sum(split.documents for split in splits) == notes.total.kept
        assert sum(split.characters for split in splits) == notes.total.characters
    with pytest.raises(TokensError, match=r"nothing.parquet is not there"):
        write_tokens(lake, settings_of(tokenizer, name="n", source={"kind": "arm", "proof": "p", "arm": "nothing"}))


def test_tokenizers_that_cannot_end_a_document_are_refused(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages(1))
    nameless = tmp_path / "nameless"
    nameless.mkdir()
    text = (large(tmp_path / "large") / "tokenizer.json").read_text().replace('"</s>"', '"end"')
    (nameless / "tokenizer.json").write_text(text)
    with pytest.raises(TokensError, match=r"names no end-of-text token.*--end-of-text"):
        write_tokens(lake, settings_of(nameless))
    with pytest.raises(TokensError, match=r"has no token 'stop'"):
        write_tokens(lake, settings_of(nameless, end_of_text="stop"))
    write_tokens(lake, settings_of(nameless, end_of_text="end"))
    assert ids_of(lake, settings_of(nameless), SHARD, dtype="<u4")[-1] == 0
    with pytest.raises(TokensError, match=r"has no BOS token"):
        write_tokens(lake, settings_of(nameless, end_of_text="end", beginning_of_text="document"))
    (nameless / "tokenizer.json").write_text("{")
    with pytest.raises(TokensError, match=r"no tokenizer that can be read"):
        write_tokens(lake, settings_of(nameless, end_of_text="end"))
    (nameless / "tokenizer.json").unlink()
    with pytest.raises(TokensError, match=r"has no tokenizer.json: convert"):
        write_tokens(lake, settings_of(nameless))
    with pytest.raises(TokensError, match=r"there is no tokenizer"):
        write_tokens(lake, settings_of(tmp_path / "nowhere"))
    with pytest.raises(TokensError, match=r"no corpus other; it has web"):
        write_tokens(lake, settings_of(tokenizer, source={"kind": "table", "corpora": ["other"]}))
    with pytest.raises(TokensError, match=r"are at .*: take another name"):
        write_tokens(lake, settings_of(tokenizer, to=str(tmp_path / "elsewhere")))


@pytest.mark.local_lake
def test_a_folder_is_of_one_set_of_token_files(tokenizer, tmp_path):
    lake = lake_of(tmp_path, pages(1))
    first = settings_of(tokenizer, to=str(tmp_path / "out"))
    write_tokens(lake, first)
    manifest = write_manifest(lake, first)
    second = settings_of(tokenizer, name="y", to=f"{tmp_path}/other/../out")
    folder = folder_of(lake, first)
    write_record(folder, ShardRecord(corpus=CORPUS, shard="of the first alone"))
    for write in (write_tokens, write_manifest):
        with pytest.raises(TokensError, match=r"out holds tokens x: choose an empty folder"):
            write(lake, second)
    assert len(recorded_shards(folder)) == 2
    other = lake_of(tmp_path / "another", pages(1))
    with pytest.raises(TokensError, match=r"out holds files that are not of this lake: choose an empty"):
        write_tokens(other, first)
    assert [each.name for each in exports(lake)] == ["x"]
    assert not exports(other)
    assert write_tokens(lake, first)[0].was_current
    assert write_manifest(lake, first).shards == manifest.shards
