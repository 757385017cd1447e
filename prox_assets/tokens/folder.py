"""The files of a set of token files: where they lie, and what is known of each shard.

tokens/{split}/{corpus}/{shard}.bin          headerless token ids, one document after the other
                               .idx          Megatron's index
                               .bin.index    datatrove's index
documents/{split}/{corpus}/{shard}.parquet   the documents of the token file, in its order
parquet_packed/..., parquet_documents/..., litgpt/...
tokenizer/                                   the tokenizer.json that wrote the ids
_shards/{corpus}/{shard}.json                what a shard's files are made from; put in place after them
manifest.json                                all of it; put in place last
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.manifest import MANIFEST, TokenManifest, TokenShard
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.sources import ShardName

RECORDS = "_shards"
DOCUMENTS = pa.schema(
    [
        ("corpus", pa.string()),
        ("shard", pa.string()),
        ("doc_id", pa.string()),
        ("url", pa.string()),
        ("text_hash", pa.string()),
        ("tokens", pa.int64()),
        ("characters", pa.int64()),
    ]
)
"""Columns of documents/: text_hash is that of the raw text; tokens with BOS and end-of-text."""


class ShardRecord(BaseModel):
    """What is known of a shard's files.

    While they are being written, `identity` is empty. While documents are taken out of them, `forgetting` names these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: str
    shard: str
    identity: str = Field(default="", description="As in TokenShard; empty as long as the files are not complete.")
    made_from: str = Field(default="", description="Identity of everything but the withdrawals.")
    kept: str = Field(default="", description="Hash of the doc_ids that are not withdrawn, 32 hex digits.")
    withdrawn: int = Field(default=0, description="How many are.")
    forgetting: tuple[str, ...] = Field(default=(), description="doc_ids that are just being taken out.")
    settings: TokenSettings | None = Field(default=None, description="All settings, as the files were written.")
    shards: tuple[TokenShard, ...] = Field(default=(), description="One for each split that has documents.")
    paths: tuple[str, ...] = Field(default=(), description="Files that may be there while they are being replaced.")

    @property
    def name(self) -> ShardName:
        """Corpus and shard."""
        return self.corpus, self.shard

    @property
    def all_paths(self) -> set[str]:
        """Every file that the shard may have."""
        return {*self.paths, *(file.path for shard in self.shards for file in shard.files)}

    @property
    def is_complete(self) -> bool:
        """Whether the files are those that the record tells of."""
        return bool(self.identity) and not self.forgetting


def folder_of(lake: Lake, settings: TokenSettings) -> Storage:
    """Return the folder of a set of token files."""
    if settings.to is not None:
        return Storage(settings.to)
    return Storage(f"{lake.url}/_tokens/{settings.name}", lake.storage.storage_options)


def token_file(split: str, name: ShardName) -> str:
    """Return the path of a shard's token file."""
    return f"tokens/{split}/{name[0]}/{name[1]}.bin"


def documents_file(split: str, name: ShardName) -> str:
    """Return the path of the table of a token file's documents."""
    return f"documents/{split}/{name[0]}/{name[1]}.parquet"


def read_record(folder: Storage, name: ShardName) -> ShardRecord | None:
    """Return what is known of a shard; None if nothing is.

    Raises:
        TokensError: The record is damaged.
    """
    path = _record_path(name)
    data = folder.read_bytes(path)
    try:
        return None if data is None else ShardRecord.model_validate_json(data)
    except ValidationError as error:
        raise TokensError(f"{folder.uri(path)} is damaged: remove it, and run `prox tokens` again") from error


def write_record(folder: Storage, record: ShardRecord) -> None:
    """Write what is known of a shard."""
    folder.write_bytes(_record_path(record.name), record.model_dump_json(indent=1).encode())


def recorded_shards(folder: Storage) -> list[ShardName]:
    """Return the shards that have a record, sorted."""
    return [
        (corpus, PurePosixPath(name).name.removesuffix(".json"))
        for corpus in folder.list_folders(RECORDS)
        for name in folder.list_files(f"{RECORDS}/{corpus}")
        if name.endswith(".json")
    ]


def read_manifest(folder: Storage) -> TokenManifest | None:
    """Return the manifest; None if the files are not complete.

    Raises:
        TokensError: It is damaged.
    """
    data = folder.read_bytes(MANIFEST)
    try:
        return None if data is None else TokenManifest.model_validate_json(data)
    except ValidationError as error:
        raise TokensError(f"{folder.uri(MANIFEST)} is damaged: run `prox tokens` again to write it anew") from error


def put_manifest(folder: Storage, manifest: TokenManifest) -> None:
    """Write the manifest."""
    folder.write_bytes(MANIFEST, manifest.model_dump_json(indent=1).encode())


def remove_shard(folder: Storage, name: ShardName) -> None:
    """Remove a shard's files, and then what is known of it."""
    record = read_record(folder, name)
    if record is None:
        return
    folder.remove(MANIFEST)
    for path in removal_order(record.all_paths):
        folder.remove(path)
    folder.remove(_record_path(name))


def removal_order(paths: Iterable[str]) -> list[str]:
    """Return files in the order to remove them: what a token file holds is known as long as it is there."""
    return sorted(paths, key=lambda path: (path.startswith("documents/"), path))


def size_of(folder: Storage, path: str) -> int | None:
    """Return the bytes of a file; None if it is not there."""
    try:
        with folder.open(path) as file:
            return file.seek(0, 2)
    except FileNotFoundError:
        return None


def _record_path(name: ShardName) -> str:
    return f"{RECORDS}/{name[0]}/{name[1]}.json"
