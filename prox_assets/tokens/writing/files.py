"""The files of one shard: put in place so that a kill at any time leaves a shard that is whole or known not to be."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from prox_assets.lake.storage.storage import Storage
from prox_assets.tokens.folder import (
    DOCUMENTS,
    ShardRecord,
    documents_file,
    read_record,
    removal_order,
    token_file,
    write_record,
)
from prox_assets.tokens.manifest import MANIFEST, TokenFile, TokenShard
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.writing.formats import FormatFile, TokenFileParts, dtype_of, format_files, write_formats

Blocks = Callable[[], Iterator[bytes]]
"""Gives the ids of documents, some MiB at a time."""


@dataclass(frozen=True)
class Part:
    """What a shard gives to a split.

    Attributes:
        documents: With the columns of DOCUMENTS, in the order of the file.
        ids: Their ids, as they are in the file.
    """

    documents: pl.DataFrame
    ids: Blocks


@dataclass(frozen=True)
class _Layout:
    """A split's files, with the documents first or last."""

    split: str
    part: Part
    files: tuple[FormatFile, ...]
    documents: str
    tokens: str

    @property
    def paths(self) -> list[str]:
        return [self.documents, self.tokens, *(file.path for file in self.files)]


def put_shard(
    folder: Storage, record: ShardRecord, parts: Mapping[str, Part], before_publish: Callable[[], None]
) -> ShardRecord:
    """Write a shard's files, and remove those that it had besides; until that is done, its record says so.

    Args:
        folder: The folder of the token files.
        record: What will be known of the shard, without its files.
        parts: What each split gets.
        before_publish: Called when the files are complete; if it raises, they are discarded.

    Returns:
        The record with its files.
    """
    unfinished = ShardRecord(corpus=record.corpus, shard=record.shard)
    # Documents first: what a token file may hold is known before it is there.
    return _put(folder, record, unfinished, parts, documents_first=True, before_publish=before_publish)


def put_shard_without(
    folder: Storage,
    record: ShardRecord,
    unfinished: ShardRecord,
    parts: Mapping[str, Part],
    untouched: Sequence[TokenShard],
    before_publish: Callable[[], None],
) -> ShardRecord:
    """Write files of a shard from which documents have been taken out; the manifest stays.

    Args:
        folder: The folder of the token files.
        record: What will be known of the shard.
        unfinished: What is known of it as long as not all files are in place; it names the documents.
        parts: What the splits get that held them.
        untouched: The other splits.
        before_publish: As in `put_shard`.

    Returns:
        The record with its files.
    """
    # Documents last: as long as they are the old ones, the size of the token file tells which documents it holds.
    return _put(
        folder, record, unfinished, parts, documents_first=False, untouched=untouched, before_publish=before_publish
    )


def _put(
    folder: Storage,
    record: ShardRecord,
    unfinished: ShardRecord,
    parts: Mapping[str, Part],
    *,
    documents_first: bool,
    untouched: Sequence[TokenShard] = (),
    before_publish: Callable[[], None],
) -> ShardRecord:
    settings = record.settings
    if settings is None:
        raise AssertionError(record.name)
    layouts = [_layout(settings, record, split, part) for split, part in parts.items()]
    earlier = read_record(folder, record.name)
    old = earlier.all_paths if earlier is not None else set()
    new = [path for layout in layouts for path in (layout.paths if documents_first else _rotated(layout.paths))]
    with folder.new_files(new) as temporaries:
        places = dict(zip(new, temporaries, strict=True))
        shards = [_write_split(settings, record, layout, places) for layout in layouts]
        before_publish()
        if documents_first:
            folder.remove(MANIFEST)
        write_record(folder, unfinished.model_copy(update={"paths": tuple(sorted(old.union(new)))}))
    kept = {file.path for shard in untouched for file in shard.files}
    for path in removal_order(old.difference(new, kept)):
        folder.remove(path)
    shards += [shard.model_copy(update={"identity": record.identity}) for shard in untouched]
    order = ["train", *settings.splits]
    shards.sort(key=lambda shard: order.index(shard.split))
    finished = record.model_copy(update={"shards": tuple(shards)})
    write_record(folder, finished)
    return finished


def _rotated(paths: list[str]) -> list[str]:
    documents, *others = paths
    return [*others, documents]


def _layout(settings: TokenSettings, record: ShardRecord, split: str, part: Part) -> _Layout:
    tokens = int(part.documents["tokens"].sum())
    files = tuple(format_files(settings, record.name, split, tokens))
    return _Layout(split, part, files, documents_file(split, record.name), token_file(split, record.name))


def _write_split(
    settings: TokenSettings, record: ShardRecord, layout: _Layout, places: Mapping[str, Path]
) -> TokenShard:
    documents = layout.part.documents
    table = documents.select(DOCUMENTS.names).to_arrow().cast(DOCUMENTS)
    pq.write_table(table, places[layout.documents], compression="zstd")
    with places[layout.tokens].open("wb") as file:
        for block in layout.part.ids():
            file.write(block)
    lengths = documents["tokens"].to_numpy()
    tokens = int(lengths.sum())
    source = TokenFileParts(places[layout.tokens], lengths, dtype_of(places[layout.tokens].stat().st_size, tokens))
    write_formats(settings, source, layout.files, [places[file.path] for file in layout.files])
    kinds = [("documents", None), ("tokens", tokens), *((file.format, file.tokens) for file in layout.files)]
    return TokenShard(
        corpus=record.corpus,
        shard=record.shard,
        split=layout.split,
        documents=documents.height,
        tokens=tokens,
        characters=int(documents["characters"].sum()),
        identity=record.identity,
        files=tuple(
            TokenFile(
                path=path,
                format=kind,
                bytes=places[path].stat().st_size,
                sha256=_sha256(places[path]),
                tokens=count,
            )
            for path, (kind, count) in zip(layout.paths, kinds, strict=True)
        ),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
