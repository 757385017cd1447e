"""Cuts a large file into shards, by rows or by size.

A Parquet file is cut by size between its row groups, which its footer describes; an uncompressed JSON file at the end
of a line, for which it is read once. A gzip or zstd stream can only be read from its beginning, so it is not cut by
size: one such file is one shard, however large. By rows, any file is cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prox_assets.corpora.filesystems import SourceFile
from prox_assets.corpora.listing.raw_files import RawFile
from prox_assets.corpora.parquet.reading import count_parquet_rows, row_group_sizes
from prox_assets.corpora.reading import container_of, lines_of
from prox_assets.corpora.source import CorpusSource
from prox_assets.corpora.streams import BLOCK_BYTES, too_many_rows

# A file this many times as large as a shard is cut: two halves of one a little larger would be small shards.
_CUT_FROM = 1.5
# How far back the end of a line is looked at, to tell whether the line is blank.
_LOOK_BACK = 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a file: rows, and for uncompressed JSON bytes; both half-open."""

    row_start: int
    row_end: int
    byte_start: int | None = None
    byte_end: int | None = None


def count_rows(source: CorpusSource, url: str) -> int:
    """Return the number of rows of a file: of Parquet from its footer, else by reading all of it.

    Raises:
        SourceUnavailableError: The file cannot be read.
        CorpusError: It is damaged, or has more rows than the corpus allows.
    """
    with SourceFile(source, url) as file:
        container, head = container_of(source, url, file)
        if container.kind == "parquet":
            file.seek(0)
            return count_parquet_rows(file, url, source.max_rows_per_file)
        return sum(1 for _ in lines_of(source, url, file, container, head))


def pieces_by_rows(rows: int, step: int) -> list[Piece]:
    """Return pieces of `step` rows."""
    return [Piece(start, min(start + step, rows)) for start in range(0, rows, step)]


def pieces_by_size(source: CorpusSource, file: RawFile, size: int) -> list[Piece]:
    """Return pieces of a file of about `size` bytes; one or none if it is not much larger or cannot be cut.

    Raises:
        SourceUnavailableError: The file cannot be read.
        CorpusError: It is damaged, or has more rows than the corpus allows.
    """
    if file.size is None or file.size < size * _CUT_FROM:
        return []
    # Equal pieces, so that the last one is not a splinter.
    step = file.size / round(file.size / size)
    with SourceFile(source, file.url) as opened:
        container, _ = container_of(source, file.url, opened)
        opened.seek(0)
        if container.kind == "parquet":
            return _between_row_groups(row_group_sizes(opened, file.url, source.max_rows_per_file), step)
        if container.compression is not None:
            return []
        return _between_lines(opened.chunks(BLOCK_BYTES), step, source.max_rows_per_file, file.url)


def _between_row_groups(groups: Iterable[tuple[int, int]], step: float) -> list[Piece]:
    ends: list[int] = []
    row = held = 0
    due = step
    for rows, size in groups:
        # A group belongs to the piece that has its middle.
        if row and held + size / 2 > due:
            ends.append(row)
            due += step
        row += rows
        held += size
    return [Piece(start, end) for start, end in zip([0, *ends], [*ends, row], strict=True) if start < end]


def _between_lines(blocks: Iterable[bytes], step: float, max_rows: int, url: str) -> list[Piece]:
    """Return pieces of at least `step` bytes that end with a line that is not blank: blank ones at the end count not.

    Args:
        blocks: The file's bytes.
        step: Bytes of a piece.
        max_rows: Maximum number of lines.
        url: The file's URL, for error messages.

    Raises:
        CorpusError: There are more lines than `max_rows`.
    """
    cuts = [(0, 0)]  # (byte, row) at which a piece begins
    place = lines = rows = 0
    due = step
    for block in blocks:
        start = 0
        while place + len(block) >= due:
            end = _end_of_a_line(block, max(int(due) - place, start))
            if end is None:
                break
            cuts.append((place + end, lines + block.count(b"\n", 0, end)))
            start, due = end, place + end + step
        content = block.rstrip()
        if content:
            rows = lines + content.count(b"\n") + 1
        lines += block.count(b"\n")
        place += len(block)
        if rows > max_rows:
            raise too_many_rows(url, max_rows)
    cuts = [(byte, row) for byte, row in cuts if row < rows]
    ends = [*cuts[1:], (place, rows)]
    return [Piece(row, row_end, byte, byte_end) for (byte, row), (byte_end, row_end) in zip(cuts, ends, strict=True)]


def _end_of_a_line(block: bytes, start: int) -> int | None:
    """Return the place after the first newline from `start` on that ends a line with something in it."""
    for newline in _newlines(block, start):
        line = block[max(0, newline - _LOOK_BACK) : newline].rpartition(b"\n")[2]
        if line and not line.isspace():
            return newline + 1
    return None


def _newlines(block: bytes, start: int) -> Iterator[int]:
    while (start := block.find(b"\n", start)) >= 0:
        yield start
        start += 1
