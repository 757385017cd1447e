"""Reads a shard as a stream of documents and rejects."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.filesystems import SourceFile
from prox_assets.corpora.formats import Container, Layout, configured_layout, decide_container
from prox_assets.corpora.json_lines import detect_keys, read_lines
from prox_assets.corpora.listing.files import file_state
from prox_assets.corpora.parquet.reading import read_parquet
from prox_assets.corpora.shard import Shard
from prox_assets.corpora.source import CorpusSource
from prox_assets.corpora.streams import BLOCK_BYTES, Line, decompress, split_lines

# Enough to detect a file's container if its name is inconclusive.
_HEAD_BYTES = 4096


def relist_shard(source: CorpusSource, shard: Shard) -> Shard:
    """Return a shard with the current size and version of its files.

    Raises:
        SourceUnavailableError: A file is gone, or its storage does not answer. Of many files, those that a listing has
            missed keep the version that they had.
        CorpusError: The file has changed, and the shard is a byte range of it.
    """
    shard.check_files()
    if shard.files is None:
        size, version = file_state(source, shard.url)
        if shard.byte_start is not None and (size, version) != shard.version:
            raise CorpusError(
                f"{shard.url} was changed after it was cut into shards by size, so {shard.key} may begin in the middle "
                "of a line. List the corpus again and use the new shards."
            )
        return replace(shard, size=size, etag=version, gone_since=None)
    files = []
    for file in shard.files:
        size, version = (file.size, file.version) if file.gone_since else file_state(source, file.url)
        files.append(replace(file, size=size, version=version))
    return replace(shard.of_files(files), gone_since=None)


def read_shard(source: CorpusSource, shard: Shard) -> Iterator[Document | Reject]:
    """Yield a document or a reject for each row of a shard, in order; memory does not grow with the file.

    Args:
        source: The corpus that the shard was listed from.
        shard: The shard to read; one of many files with its files. Those that have left the source are left out.

    Raises:
        SourceUnavailableError: The file could not be opened, or a read failed.
        CorpusError: The file is truncated, damaged or in another format, or has fewer rows than when it was listed.
            Rows may have been yielded before the error; discard anything derived from them.
    """
    shard.check_files()
    if shard.files is not None:
        yield from _read_many(source, shard)
        return
    rows = None
    if shard.row_start is not None and shard.row_end is not None:
        rows = range(shard.row_start, shard.row_end)
    seen = 0
    for result in _read_file(source, shard, rows):
        seen += 1
        yield result
    if rows is not None and seen < len(rows):
        raise CorpusError(
            f"{shard.url} has {seen} of the {len(rows)} rows of shard {shard.key}: it was changed after it was "
            "listed. List the corpus again and use the new shards."
        )


def lines_of(source: CorpusSource, url: str, file: SourceFile, container: Container, head: bytes) -> Iterator[Line]:
    """Return the lines of a file of JSON lines, of which `head` has been read."""
    chunks = chain([head] if head else [], file.chunks(BLOCK_BYTES))
    return split_lines(
        decompress(chunks, container.compression, url), source.max_row_bytes, source.max_rows_per_file, url
    )


def container_of(source: CorpusSource, url: str, file: SourceFile) -> tuple[Container, bytes]:
    """Return an open file's container, and the bytes that were read to find out."""
    head = file.read(_HEAD_BYTES)
    return decide_container(source, url, head), head


def _read_many(source: CorpusSource, shard: Shard) -> Iterator[Document | Reject]:
    """Yield the rows of one file after another, numbered on."""
    first_row = 0
    for file in shard.files or ():
        if file.gone_since is not None:
            continue
        rows = 0
        for result in _read_file(source, replace(shard, url=file.url, source_file=file.source_file), None):
            rows += 1
            yield replace(result, source_row=first_row + result.source_row) if first_row else result
        first_row += rows


def _read_file(source: CorpusSource, shard: Shard, rows: range | None) -> Iterator[Document | Reject]:
    with SourceFile(source, shard.url) as file:
        container, head = container_of(source, shard.url, file)
        layout = configured_layout(source)
        if container.kind == "parquet":
            file.seek(0)
            yield from read_parquet(source, shard.source_file, shard.url, file, layout, rows)
        elif shard.byte_start is not None and shard.byte_end is not None and rows is not None:
            if layout is None:  # as for the whole file, by its first rows
                layout, _ = detect_keys(
                    shard.url, lines_of(source, shard.url, file, container, head), source.max_row_bytes
                )
            lines = _lines_between(source, shard.url, file, range(shard.byte_start, shard.byte_end), rows.start)
            yield from read_lines(source, shard.source_file, shard.url, lines, layout or Layout(), None)
        else:
            lines = lines_of(source, shard.url, file, container, head)
            yield from read_lines(source, shard.source_file, shard.url, lines, layout, rows)


def _lines_between(source: CorpusSource, url: str, file: SourceFile, span: range, first_row: int) -> Iterator[Line]:
    def blocks() -> Iterator[bytes]:
        left = len(span)
        while left and (data := file.read(min(BLOCK_BYTES, left))):
            left -= len(data)
            yield data

    file.seek(span.start)
    return split_lines(blocks(), source.max_row_bytes, source.max_rows_per_file, url, first_row)
