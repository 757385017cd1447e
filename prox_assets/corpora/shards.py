"""Shards, the unit of partitioning: lists the shards of a corpus, and reads one as a stream of documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.corpora.filesystems import SourceFile
from prox_assets.corpora.formats import Container, configured_layout, decide_container
from prox_assets.corpora.json_lines import read_lines
from prox_assets.corpora.keys import shard_stems, stem_of, with_rows
from prox_assets.corpora.listing.files import file_state, list_files
from prox_assets.corpora.listing.raw_files import RawFile
from prox_assets.corpora.listing.walk import LeaveOut
from prox_assets.corpora.parquet.reading import count_parquet_rows, read_parquet
from prox_assets.corpora.source import CorpusSource
from prox_assets.corpora.streams import BLOCK_BYTES, Line, decompress, split_lines

__all__ = ["CorpusError", "Shard", "SourceUnavailableError", "list_shards", "read_shard", "relist_shard"]

# Enough to detect a file's container if its name is inconclusive.
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Shard:
    """One raw file, or a row range of one.

    Attributes:
        key: Unique within the corpus; serves as partition key and file name.
        url: The file's URL.
        source_file: Path relative to the glob root, which stays the same if the corpus is moved.
        format: The corpus's format; with "auto", each file's format is detected when it is read.
        row_start: First physical row, None for a whole file.
        row_end: Row after the last one, None for a whole file.
        size: Size of the file in bytes.
        etag: Version of the source: the store's content tag, else "modified" and a time; None if unknown.
        rows: Rows of the shard, including rejects; None until counted.
        file_rows: Rows of the whole file; None until counted.
        gone_since: When a listing first missed its file; None while the source has it.
    """

    key: str
    url: str
    source_file: str
    format: str
    row_start: int | None
    row_end: int | None
    size: int | None
    etag: str | None
    rows: int | None
    file_rows: int | None = None
    gone_since: datetime | None = None

    @property
    def version(self) -> tuple[int | None, str | None]:
        """Size and etag of the file; they change when it does."""
        return self.size, self.etag


def list_shards(
    source: CorpusSource, known: Mapping[str, Shard] | None = None, leave_out: LeaveOut | None = None
) -> list[Shard]:
    """Return the shards of a corpus, in the order of its URLs, then by path, then by row.

    Without `rows_per_shard` this only lists files. With it, files with an unknown number of rows are opened: only the
    footer of a Parquet file is read, but all of any other file.

    Args:
        source: The corpus.
        known: Shards from earlier listings by key: files keep their keys, and `file_rows` is reused if a file's size
            and version are unchanged.
        leave_out: Tells which files are not part of the corpus, even if its URLs match them; by default none.

    Raises:
        SourceUnavailableError: The source could not be listed or read; it never returns an empty list instead.
        CorpusError: Nothing matches, a match is not a corpus file, or a file whose rows must be counted is unreadable.
    """
    counted: dict[tuple[str, int | None, str | None], int] = {
        (shard.source_file, shard.size, shard.etag): shard.file_rows
        for shard in (known or {}).values()
        if shard.file_rows is not None and shard.etag is not None
    }
    files = list_files(source, leave_out)
    recorded = {shard.source_file: stem_of(shard.key) for shard in (known or {}).values()}
    stems = shard_stems((file.source_file for file in files), recorded)
    shards: list[Shard] = []
    for file in files:
        rows = None
        if source.rows_per_shard is not None:
            rows = counted.get((file.source_file, file.size, file.version))
            rows = _count_rows(source, file.url) if rows is None else rows
        shards.extend(_cut(source, file, stems[file.source_file], rows))
    return shards


def relist_shard(source: CorpusSource, shard: Shard) -> Shard:
    """Return a shard with the current size and version of its file.

    Raises:
        SourceUnavailableError: The file is gone, or its storage does not answer.
    """
    size, version = file_state(source, shard.url)
    return replace(shard, size=size, etag=version, gone_since=None)


def read_shard(source: CorpusSource, shard: Shard) -> Iterator[Document | Reject]:
    """Yield a document or a reject for each row of a shard, in order; memory does not grow with the file.

    Args:
        source: The corpus that the shard was listed from.
        shard: The shard to read.

    Raises:
        SourceUnavailableError: The file could not be opened, or a read failed.
        CorpusError: The file is truncated, damaged or in another format, or has fewer rows than when it was listed.
            Rows may have been yielded before the error; discard anything derived from them.
    """
    with SourceFile(source, shard.url) as file:
        rows = None
        if shard.row_start is not None and shard.row_end is not None:
            rows = range(shard.row_start, shard.row_end)
        seen = 0
        for result in _read_rows(source, shard, file, rows):
            seen += 1
            yield result
        if rows is not None and seen < len(rows):
            message = (
                f"{shard.url} has {seen} of the {len(rows)} rows of shard {shard.key}: it was changed after it was "
                "listed. List the corpus again and use the new shards."
            )
            raise CorpusError(message)


def _cut(source: CorpusSource, file: RawFile, stem: str, file_rows: int | None) -> Iterator[Shard]:
    def shard(start: int | None, end: int | None, rows: int | None) -> Shard:
        key = with_rows(stem, start, end)
        return Shard(
            key, file.url, file.source_file, source.format, start, end, file.size, file.version, rows, file_rows
        )

    step = source.rows_per_shard
    if step is None or file_rows is None or file_rows <= step:
        yield shard(None, None, file_rows)
        return
    for start in range(0, file_rows, step):
        end = min(start + step, file_rows)
        yield shard(start, end, end - start)


def _read_rows(source: CorpusSource, shard: Shard, file: SourceFile, rows: range | None) -> Iterator[Document | Reject]:
    container, head = _container(source, shard.url, file)
    layout = configured_layout(source)
    if container.kind == "parquet":
        file.seek(0)
        return read_parquet(source, shard.source_file, shard.url, file, layout, rows)
    lines = _lines(source, shard.url, file, container, head)
    return read_lines(source, shard.source_file, shard.url, lines, layout, rows)


def _count_rows(source: CorpusSource, url: str) -> int:
    with SourceFile(source, url) as file:
        container, head = _container(source, url, file)
        if container.kind == "parquet":
            file.seek(0)
            return count_parquet_rows(file, url, source.max_rows_per_file)
        return sum(1 for _ in _lines(source, url, file, container, head))


def _container(source: CorpusSource, url: str, file: SourceFile) -> tuple[Container, bytes]:
    head = file.read(_HEAD_BYTES)
    return decide_container(source, url, head), head


def _lines(source: CorpusSource, url: str, file: SourceFile, container: Container, head: bytes) -> Iterator[Line]:
    chunks = chain([head] if head else [], file.chunks(BLOCK_BYTES))
    return split_lines(
        decompress(chunks, container.compression, url), source.max_row_bytes, source.max_rows_per_file, url
    )
