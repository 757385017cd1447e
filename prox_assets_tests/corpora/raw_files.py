"""Writes the raw files that the tests read, and reads shards in one call."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zstandard

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.shards import list_shards, read_shard
from prox_assets.corpora.source import CorpusSource


def compress(data: bytes, suffix: str) -> bytes:
    """Return the data compressed as the file name's suffix says."""
    if suffix.endswith(".gz"):
        return gzip.compress(data, mtime=0)
    return zstandard.ZstdCompressor().compress(data) if suffix.endswith(".zst") else data


def write_lines(path: Path, rows: Iterable[dict[str, Any] | bytes]) -> Path:
    """Write rows as JSON lines (bytes as they are), compressed as the file's suffix says."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compress(b"".join(line + b"\n" for line in lines), path.name))
    return path


def source_of(*urls: Path | str, **options: Any) -> CorpusSource:
    """Return a corpus named "web" of the given files, folders or globs."""
    return CorpusSource(name="web", urls=[str(url) for url in urls], **options)


def read_all(source: CorpusSource) -> list[Document | Reject]:
    """Return every document and reject of a corpus, shard after shard."""
    return [item for shard in list_shards(source) for item in read_shard(source, shard)]


def documents_of(source: CorpusSource) -> list[Document]:
    """Return the documents of a corpus that is to have no rejects."""
    items = read_all(source)
    rejects = [item for item in items if isinstance(item, Reject)]
    assert rejects == []
    return [item for item in items if isinstance(item, Document)]
