"""Turns bytes into lines: incremental decompression that detects truncation, and line splitting with a length cap.

It holds one block of a file at a time, whatever the file's size or compression ratio.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.formats import Compression

BLOCK_BYTES = 1 << 18
# A zstd block of 4 bytes can expand to 128 KiB, so this much input at a time bounds the output of one call to 32 MiB.
_ZSTD_INPUT_BYTES = 1 << 10
# Frames written with `--long=31` are common in published dumps; the library's default limit is 128 MiB.
_ZSTD_MAX_WINDOW = 1 << 31
# Bytes kept of a line over the cap, for the reject's excerpt: 200 characters of at most 4 bytes.
_KEPT_OF_LONG_LINE = 800
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line without its newline.

    Attributes:
        row: 0-based row in the file.
        data: The line's bytes; only the first 800 if the line is over the cap.
        length: The line's length in bytes.
    """

    row: int
    data: bytes
    length: int


def decompress(chunks: Iterable[bytes], compression: Compression | None, url: str) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file in bounded pieces: all gzip members, all zstd frames.

    Args:
        chunks: The file's bytes.
        compression: Their compression; None passes them through.
        url: The file's URL, for error messages.

    Raises:
        CorpusError: The stream is truncated, damaged or in another format. Pieces may have been yielded before.
    """
    if compression is None:
        return iter(chunks)
    return (_gunzip if compression == "gzip" else _unzstd)(chunks, url)


def split_lines(pieces: Iterable[bytes], max_bytes: int, max_rows: int, url: str, first_row: int = 0) -> Iterator[Line]:
    """Yield the lines of a stream; only "LF" ends a line, and trailing blank lines are not rows.

    A blank line with rows after it is yielded, so that row numbers are line numbers. For a line longer than `max_bytes`
    only its length and its beginning are yielded.

    Args:
        pieces: The file's bytes, decompressed.
        max_bytes: Length of the longest line that is yielded whole.
        max_rows: Maximum number of lines, including blank ones.
        url: The file's URL, for error messages.
        first_row: Row at which the bytes begin.

    Raises:
        CorpusError: There are more lines than `max_rows`.
    """
    row = first_row
    blank_rows = 0
    for data, length in _cut(pieces, max_bytes):
        if row + blank_rows >= max_rows:
            raise too_many_rows(url, max_rows)
        if length <= max_bytes and (not data or data.isspace()):
            blank_rows += 1
            continue
        for _ in range(blank_rows):
            yield Line(row, b"", 0)
            row += 1
        blank_rows = 0
        yield Line(row, data.removeprefix(_UTF8_BOM) if row == 0 else data, length)
        row += 1


def _cut(pieces: Iterable[bytes], max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield (bytes, length) of each line; the bytes are truncated if the length exceeds `max_bytes`."""
    held = bytearray()
    length = 0
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            if length:
                yield _finish(held, part, length + len(part), max_bytes)
                held, length = bytearray(), 0
            else:
                yield _finish(b"", part, len(part), max_bytes)
        length += len(rest)
        if length <= max_bytes:
            held += rest
        else:
            held = (held + rest)[:_KEPT_OF_LONG_LINE]
    if length:
        yield _finish(held, b"", length, max_bytes)


def _finish(held: bytes | bytearray, part: bytes, length: int, max_bytes: int) -> tuple[bytes, int]:
    data = bytes(held + part) if held else part
    return (data if length <= max_bytes else data[:_KEPT_OF_LONG_LINE]), length


def _gunzip(chunks: Iterable[bytes], url: str) -> Iterator[bytes]:
    decoder = None
    members = 0
    for chunk in chunks:
        pending = chunk
        while pending:
            if decoder is None:
                # Tapes and block devices pad with zeros after the last member; gzip itself accepts this.
                pending = pending.lstrip(b"\0") if members else pending
                if not pending:
                    break
                decoder = zlib.decompressobj(wbits=31)
            try:
                out = decoder.decompress(pending, BLOCK_BYTES)
            except zlib.error as error:
                raise _damaged(url, "gzip", str(error)) from error
            if out:
                yield out
            pending = decoder.unconsumed_tail
            if decoder.eof:
                members += 1
                pending, decoder = decoder.unused_data, None
    if decoder is not None or not members:
        raise _truncated(url, "gzip")


def _unzstd(chunks: Iterable[bytes], url: str) -> Iterator[bytes]:
    # `stream_reader` would be shorter, but treats a truncated frame as complete.
    library = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW)
    decoder = None
    frames = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_INPUT_BYTES):
            pending = chunk[start : start + _ZSTD_INPUT_BYTES]
            while pending:
                decoder = decoder or library.decompressobj()
                try:
                    out = decoder.decompress(pending)
                except zstandard.ZstdError as error:
                    raise _damaged(url, "zstd", str(error)) from error
                for offset in range(0, len(out), BLOCK_BYTES):
                    yield out[offset : offset + BLOCK_BYTES]
                pending = b""
                if decoder.eof:
                    frames += 1
                    pending, decoder = decoder.unused_data, None
    if decoder is not None or not frames:
        raise _truncated(url, "zstd")


def too_many_rows(url: str, max_rows: int) -> CorpusError:
    """Return the error for a file with more rows than its corpus allows."""
    return CorpusError(
        f"{url} has more than {max_rows:,} rows, the most that max_rows_per_file allows. If it is a decompression "
        "bomb, leave it out of `urls`; otherwise raise the corpus's max_rows_per_file (`--max-rows-per-file`)."
    )


def _truncated(url: str, compression: str) -> CorpusError:
    return CorpusError(f"{url} is truncated: the {compression} stream ends in the middle. Download or copy it again.")


def _damaged(url: str, compression: str, detail: str) -> CorpusError:
    return CorpusError(
        f"{url} is damaged or not a {compression} file ({detail}). Download or copy it again, or correct its suffix."
    )
