"""What is still to be removed, and what was: the work and the records of withdrawals, under `_withdrawn/`.

- `pending/{corpus}/{shard}.{number}.json`: documents of a shard that are to be removed. The shard's next run does it,
  if nobody did before.
- `unfinished/{name}.json`: a removal that has begun; it is gone once everything is removed.
- `removed/{name}.parquet`: what was removed when, from where: ids and places, no text.

A mark is a file of its own: whoever removes the documents takes away exactly the marks that it has read.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.appended import new_name
from prox_assets.lake.records.withdrawn import FOLDER

PENDING, UNFINISHED, REMOVED = f"{FOLDER}/pending", f"{FOLDER}/unfinished", f"{FOLDER}/removed"
_MANIFEST = "manifest"

REMOVED_SCHEMA = pa.schema(
    [
        pa.field("withdrawal", pa.string(), metadata={"description": "Name of the withdrawal's file."}),
        pa.field("corpus", pa.string(), metadata={"description": "Corpus of the document."}),
        pa.field("shard", pa.string(), metadata={"description": "Its shard."}),
        pa.field("doc_id", pa.string(), metadata={"description": "Its id."}),
        pa.field("text_hash", pa.string(), metadata={"description": "Hash of its raw text."}),
        pa.field("place", pa.string(), metadata={"description": "From where: tables, or kind and name of an export."}),
        pa.field("removed_at", pa.timestamp("us", tz="UTC"), metadata={"description": "When, in UTC."}),
        pa.field("run_id", pa.string(), metadata={"description": "Run that removed it."}),
    ]
)


@dataclass(frozen=True)
class Doomed:
    """A document that is to be removed.

    Attributes:
        doc_id: Its id.
        withdrawal: Name of the withdrawal that covers it.
        text_hash: Hash of its raw text. A file of other pages under the same name may give its id to another document.
    """

    doc_id: str
    withdrawal: str
    text_hash: str


@dataclass(frozen=True)
class Marks:
    """The marks of a shard.

    Attributes:
        documents: What is to be removed, each document once.
        manifest: The shard's manifest, taken away while its tables are rewritten; None unless that was begun.
        files: The marks' files.
    """

    documents: tuple[Doomed, ...]
    manifest: dict[str, Any] | None
    files: tuple[str, ...]


_DOOMED = TypeAdapter(list[Doomed])


def mark(lake: Lake, corpus: str, shard: str, documents: Iterable[Doomed]) -> str:
    """Note documents of a shard that are to be removed; the file that is returned is on the disk by then."""
    data = json.dumps([asdict(each) for each in documents]).encode()
    path = f"{PENDING}/{corpus}/{shard}.{uuid.uuid4().hex[:8]}.json"
    lake.storage.write_bytes(path, data)
    return path


def keep_manifest(lake: Lake, corpus: str, shard: str, manifest: bytes) -> None:
    """Put a shard's manifest aside while its tables are rewritten."""
    lake.storage.write_bytes(_kept_manifest(corpus, shard), manifest)


def drop_manifest(lake: Lake, corpus: str, shard: str) -> str:
    """Remove the manifest that was put aside, once the shard is shown again; return the file that held it."""
    lake.storage.remove(_kept_manifest(corpus, shard))
    return _kept_manifest(corpus, shard)


def pending(lake: Lake, corpus: str) -> frozenset[str]:
    """Return the shards of a corpus with documents that are to be removed."""
    names = lake.storage.list_files(f"{PENDING}/{corpus}")
    return frozenset(_shard_of(name) for name in names if name.endswith(".json"))


def marks_of(lake: Lake, corpus: str, shard: str) -> Marks:
    """Return the marks of a shard.

    Raises:
        LakeError: A mark is damaged, or the lake cannot be read.
    """
    folder = f"{PENDING}/{corpus}"
    files = [name for name in lake.storage.list_files(folder) if name.endswith(".json") and _shard_of(name) == shard]
    documents: dict[str, Doomed] = {}
    manifest = None
    for name in files:
        path = f"{folder}/{name}"
        data = lake.storage.read_bytes(path) or b"[]"
        try:
            if name == f"{shard}.{_MANIFEST}.json":
                manifest = json.loads(data)
            else:
                documents |= {each.doc_id: each for each in _DOOMED.validate_json(data)}
        except (ValidationError, ValueError) as error:
            raise LakeError(
                f"{lake.storage.uri(path)} is damaged: {error}. Remove it and run `prox withdraw --resume`, which "
                "looks for the documents again"
            ) from error
    return Marks(tuple(documents.values()), manifest, tuple(f"{folder}/{name}" for name in files))


def clear(lake: Lake, files: Iterable[str]) -> None:
    """Take marks away, once what they name is removed."""
    for path in files:
        lake.storage.remove(path)


def begin(lake: Lake) -> str:
    """Note that a removal has begun; return its name for `end`."""
    name = f"{UNFINISHED}/{new_name()}.json"
    lake.storage.write_bytes(name, b"{}")
    return name


def end(lake: Lake, names: Iterable[str]) -> None:
    """Note that removals are finished."""
    for name in names:
        lake.storage.remove(name)


def unfinished(lake: Lake) -> tuple[str, ...]:
    """Return the removals that have begun and not ended."""
    return tuple(f"{UNFINISHED}/{name}" for name in lake.storage.list_files(UNFINISHED) if name.endswith(".json"))


def record_removed(lake: Lake, removed: Sequence[dict[str, Any]], at: datetime, run_id: str) -> None:
    """Write down what was removed; the same documents from the same place are one file, however often it is tried.

    Args:
        lake: The lake.
        removed: Rows with the columns withdrawal, corpus, shard, doc_id, text_hash and place.
        at: When, in UTC.
        run_id: The run that removed it.
    """
    if not removed:
        return
    rows = sorted(removed, key=lambda row: (row["corpus"], row["shard"], row["doc_id"]))
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:32]
    path = f"{REMOVED}/{digest}.parquet"
    if lake.storage.exists(path):
        return
    table = pa.Table.from_pylist([{**row, "removed_at": at, "run_id": run_id} for row in rows], REMOVED_SCHEMA)
    with lake.storage.new_files([path]) as [temporary]:
        pq.write_table(table, temporary, compression="zstd")


def ever_removed(lake: Lake) -> dict[tuple[str, str], Doomed]:
    """Return all documents that were ever removed or are about to be, by doc_id and hash of the raw text.

    Raises:
        LakeError: A record is damaged, or the lake cannot be read.
    """
    found: dict[tuple[str, str], Doomed] = {}
    columns = ["doc_id", "withdrawal", "text_hash"]
    for name in lake.storage.list_files(REMOVED):
        data = lake.storage.read_bytes(f"{REMOVED}/{name}")
        try:
            table = pq.read_table(pa.BufferReader(data or b""), columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise LakeError(f"{lake.storage.uri(f'{REMOVED}/{name}')} is damaged: {error}") from error
        found |= {(row["doc_id"], row["text_hash"]): Doomed(**row) for row in table.to_pylist()}
    for corpus in lake.storage.list_folders(PENDING):
        for shard in pending(lake, corpus):
            found |= {(each.doc_id, each.text_hash): each for each in marks_of(lake, corpus, shard).documents}
    return found


def _kept_manifest(corpus: str, shard: str) -> str:
    return f"{PENDING}/{corpus}/{shard}.{_MANIFEST}.json"


def _shard_of(name: str) -> str:
    return name.removesuffix(".json").rpartition(".")[0]
