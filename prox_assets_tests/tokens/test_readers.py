"""Token files read back token by token: by the readers of the trainers, and by the layouts that they document."""

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.tokens.folder import documents_file, folder_of
from prox_assets.tokens.settings import Format, TokenSettings
from prox_assets.tokens.tokenizer import open_tokenizer
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.tokens.token_lakes import CORPUS, encode, lake_of, large, llama_like, pages, settings_of

pytestmark = pytest.mark.local_lake

ALL = list(get_args(Format))
LENGTH = 16
SEQUENCES = 4


@dataclass(frozen=True)
class Written:
    """Token files, and what they should hold.

    Attributes:
        root: Their folder.
        shards: Ids of each document, end-of-text included, in the order of each shard's file.
        settings: How they were written.
        dtype: Type of an id.
    """

    root: Path
    shards: dict[str, list[list[int]]]
    settings: TokenSettings
    dtype: str

    def flat(self, shard: str) -> np.ndarray:
        return np.concatenate(self.shards[shard])

    def token_file(self, shard: str) -> Path:
        return self.root / "tokens" / "train" / CORPUS / f"{shard}.bin"


def write(lake: Lake, settings: TokenSettings, tokenizer: Path, end: int, dtype: str) -> Written:
    """Write token files; what they should hold follows from the lake's text and the tokenizer alone."""
    write_tokens(lake, settings)
    write_manifest(lake, settings)
    root = Path(folder_of(lake, settings).root)
    shards = {}
    for [corpus, shard] in sorted({(each.corpus, each.shard) for each in write_tokens(lake, settings)}):
        order = pl.read_parquet(root / documents_file("train", (corpus, shard)))["doc_id"]
        texts = {row["doc_id"]: row["text"] for row in lake.rows(corpus, settings.source.table, shard)}  # type: ignore
        assert sorted(order) == sorted(texts), "every document, and each once"
        shards[shard] = [[*encode(tokenizer, texts[doc_id]), end] for doc_id in order]
    return Written(root, shards, settings, dtype)


REAL = pytest.param(
    "pages",
    marks=pytest.mark.skipif(
        not {"PROX_LABELLED_PAGES", "PROX_TOKENIZER"} <= os.environ.keys(),
        reason="needs labelled pages, and the folder of a tokenizer",
    ),
)
REAL_PAGES = 300


@pytest.fixture(scope="module", params=["uint16", "uint32", REAL])
def written(request, tmp_path_factory) -> Written:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "pages":
        frame = pl.read_parquet(os.environ["PROX_LABELLED_PAGES"], columns=["url", "text_full"], n_rows=REAL_PAGES)
        lake = lake_of(folder, {"a.jsonl": list(frame.iter_rows())})
        tokenizer = Path(os.environ["PROX_TOKENIZER"])
        settings = settings_of(tokenizer, formats=ALL, sequence_length=2048, litgpt_sequences=8)
        return write(lake, settings, tokenizer, open_tokenizer(settings).notes.end_of_text_id, "<u2")
    small = {"formats": ALL, "sequence_length": LENGTH, "litgpt_sequences": SEQUENCES}
    if request.param == "uint16":
        tokenizer = llama_like(folder / "tokenizer")
        return write(lake_of(folder, pages()), settings_of(tokenizer, **small), tokenizer, 2, "<u2")
    tokenizer = large(folder / "tokenizer")
    words = {"a.jsonl": [(f"https://x.example/{n}", f"w{n} w{69_999 - n} other w65536") for n in range(2, 60)]}
    return write(lake_of(folder, words), settings_of(tokenizer, **small), tokenizer, 0, "<u4")


def test_the_token_file_is_nothing_but_the_documents_one_after_the_other(written):
    for shard in written.shards:
        assert np.array_equal(np.fromfile(written.token_file(shard), written.dtype), written.flat(shard))


def test_megatron_reads_every_document(written):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    for shard, documents in written.shards.items():
        for mmap in (True, False):
            dataset = IndexedDataset(str(written.token_file(shard)).removesuffix(".bin"), mmap=mmap)
            assert [np.asarray(dataset[number]).tolist() for number in range(len(dataset))] == documents
            assert dataset.document_indices.tolist() == list(range(len(documents) + 1))
            assert dataset.sequence_lengths.tolist() == list(map(len, documents))


def test_datatrove_reads_every_block_and_where_documents_end(written):
    from datatrove.utils.dataset import DatatroveFileDataset, DatatroveFolderDataset

    length = written.settings.sequence_length
    size = np.dtype(written.dtype).itemsize
    blocks = []
    for shard, documents in written.shards.items():
        flat = written.flat(shard)
        whole = len(flat) // (length + 1)
        path = str(written.token_file(shard))
        dataset = DatatroveFileDataset(path, length, token_size=size, return_positions=True)
        found = [dataset[number] for number in range(len(dataset))]
        assert len(found) == whole
        assert np.array_equal(np.concatenate([each["input_ids"] for each in found]), flat[: whole * (length + 1)])
        starts = {0, *np.cumsum([len(each) for each in documents]).tolist()}
        for number, each in enumerate(found):
            zeros = np.flatnonzero(each["positions"].numpy() == 0)[1:] + number * (length + 1)
            assert set(zeros.tolist()) == {
                at for at in starts if number < at / (length + 1) < number + 1 and at % (length + 1)
            }
        blocks += [each["input_ids"].tolist() for each in found]
    folder = DatatroveFolderDataset(str(written.root / "tokens" / "train"), length, "**/*.bin", token_size=size)
    assert [folder[number]["input_ids"].tolist() for number in range(len(folder))] == blocks


def test_packed_sequences_are_the_token_file_in_pieces(written):
    for shard in written.shards:
        table = pq.read_table(written.root / "parquet_packed" / "train" / CORPUS / f"{shard}.parquet")
        rows = table["input_ids"].to_pylist()
        length = written.settings.sequence_length
        assert {len(row) for row in rows} == {length}
        flat = written.flat(shard)
        assert np.array_equal(np.concatenate(rows), flat[: len(flat) // length * length])


def test_rows_of_documents_are_the_documents(written):
    for shard, documents in written.shards.items():
        table = pq.read_table(written.root / "parquet_documents" / "train" / CORPUS / f"{shard}.parquet")
        assert table["input_ids"].to_pylist() == documents


def test_lit_gpts_chunks_are_the_token_file_in_pieces(written):
    chunk = written.settings.litgpt_sequences * (written.settings.sequence_length + 1)
    for shard in written.shards:
        flat = written.flat(shard)
        files = sorted((written.root / "litgpt" / "train" / CORPUS).glob(f"{shard}_*.bin"))
        assert len(files) == len(flat) // chunk > 0
        for number, file in enumerate(files):
            data = file.read_bytes()
            magic, version, code, size = struct.unpack_from("<7sQBQ", data)
            assert (magic, version, size) == (b"LITPKDS", 1, chunk)
            dtype = {8: np.uint16, 4: np.int32}[code]
            ids = np.frombuffer(data, dtype, offset=24)
            assert np.array_equal(ids, flat[number * chunk : (number + 1) * chunk])


@pytest.mark.skipif("PROX_OLMO_CORE" not in os.environ, reason="names the Python of an environment with OLMo-core")
def test_olmo_core_reads_the_token_file(written, tmp_path):
    for shard in written.shards:
        flat = written.flat(shard)
        length = written.settings.sequence_length
        whole = len(flat) // length
        script = f"""
import numpy
from olmo_core.data import NumpyFSLDataset
dataset = NumpyFSLDataset({str(written.token_file(shard))!r}, sequence_length={length}, pad_token_id=0, eos_token_id=0,
    vocab_size=70000, dtype=numpy.{np.dtype(written.dtype).name})
numpy.save({str(tmp_path / "ids.npy")!r}, numpy.concatenate([dataset[n]["input_ids"] for n in range(len(dataset))]))
"""
        subprocess.run([os.environ["PROX_OLMO_CORE"], "-c", script], check=True)
        assert np.array_equal(np.load(tmp_path / "ids.npy"), flat[: whole * length])
