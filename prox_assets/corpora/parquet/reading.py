"""Reads documents from Parquet files in record batches, touching only the requested rows."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import partial
from io import RawIOBase
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.formats import Layout, detect_layout, undecidable
from prox_assets.corpora.parquet.int96 import Int96Readers
from prox_assets.corpora.parquet.sizes import rows_over
from prox_assets.corpora.parquet.values import ColumnReader, distinct_names, is_binary, is_string
from prox_assets.corpora.rows import RowConverter
from prox_assets.corpora.source import CorpusSource
from prox_assets.corpora.streams import too_many_rows

_BATCH_BYTES = 16 * 1024 * 1024
# The footer does not tell how much memory a decoded row takes. With a dictionary of one long value repeated a million
# times, or long rows at the start of a group of short ones, a batch of 1,024 rows turns a file of kilobytes into
# gigabytes (measured: 3 GiB from 52 kB). So we decode few rows at a time; on real pages this costs 5 % of reading time.
_MAX_BATCH_ROWS = 8
# Bytes kept of a text over the cap, for the reject's excerpt: 200 characters of at most 4 bytes.
_KEPT_OF_LONG_TEXT = 800
# Text compresses 3 to 10 times, and columns of one value a few hundred times, before the encoding leaves nothing to
# compress.
_EXPANSION = 1_000
_EXPANDED_BYTES = 256 * 1024 * 1024
# Column chunks are read through a buffer of this size; without one, a whole row group's bytes are held.
_COLUMN_BUFFER_BYTES = 1 << 20


def count_parquet_rows(file: RawIOBase, url: str, max_rows: int) -> int:
    """Return the number of rows according to the footer.

    Raises:
        CorpusError: The file is not a Parquet file, is truncated, or has more rows than `max_rows`.
    """
    return _checked_rows(_open(file, url), url, max_rows)


def row_group_sizes(file: RawIOBase, url: str, max_rows: int) -> list[tuple[int, int]]:
    """Return (rows, bytes in the file) of each row group according to the footer.

    Raises:
        CorpusError: The file is not a Parquet file, is truncated, or has more rows than `max_rows`.
    """
    parquet = _open(file, url)
    _checked_rows(parquet, url, max_rows)
    groups = [parquet.metadata.row_group(index) for index in range(parquet.num_row_groups)]
    return [
        (group.num_rows, sum(group.column(column).total_compressed_size for column in range(group.num_columns)))
        for group in groups
    ]


def _checked_rows(parquet: pq.ParquetFile, url: str, max_rows: int) -> int:
    if parquet.metadata.num_rows > max_rows:
        raise too_many_rows(url, max_rows)
    return parquet.metadata.num_rows


def read_parquet(
    source: CorpusSource,
    source_file: str,
    url: str,
    file: RawIOBase,
    layout: Layout | None,
    rows: range | None,
) -> Iterator[Document | Reject]:
    """Yield a document or reject for each requested row.

    Args:
        source: The corpus.
        source_file: Path relative to the glob root.
        url: The file's URL, for error messages.
        file: The open file; stays open.
        layout: Which columns hold what; None detects it from the schema.
        rows: The requested rows; rows past the end of the file are ignored. None means all.

    Raises:
        CorpusError: The file is not a Parquet file, is damaged, is a decompression bomb, has more rows than the corpus
            allows, or has rows but not exactly one text column of strings.
    """
    parquet = _open(file, url)
    file_rows = _checked_rows(parquet, url, source.max_rows_per_file)
    if not file_rows:
        # A file without rows may lack column types, or even columns.
        return
    names = _column_names(parquet, url)
    if layout is None:
        layout = detect_layout(names)
    if layout is None:
        raise undecidable(url, f"columns: {', '.join(names)}")
    schema = parquet.schema_arrow
    _check_text_column(schema, names, layout.text, url)
    converter = RowConverter(source.name, source_file, layout)
    wanted = rows if rows is not None else range(file_rows)
    try:
        readers = Int96Readers(parquet, partial(_open, file, url, parquet.metadata))
        columns = _columns(schema, names, layout.text, readers.columns, source.max_row_bytes)
        for first_row, batch in _batches(parquet, readers, wanted, url):
            yield from _convert_batch(converter, columns, first_row, batch)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(url, error) from error


def _open(
    file: RawIOBase, url: str, metadata: pq.FileMetaData | None = None, int96_unit: str | None = None
) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            file,
            metadata=metadata,
            buffer_size=_COLUMN_BUFFER_BYTES,
            coerce_int96_timestamp_unit=int96_unit,
            # With this option, a column that was written as a dictionary is read as plain values. As a dictionary, one
            # invalid byte anywhere in it would fail the whole row group.
            binary_type=pa.large_binary(),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(url, error) from error


@dataclass(frozen=True, slots=True)
class _Columns:
    """How the columns of a file become a row.

    Attributes:
        text: Index of the text column.
        others: Index, name in documents and reader of every other column.
        max_row_bytes: Maximum size of a row in bytes; larger rows are rejected.
    """

    text: int
    others: list[tuple[int, str, ColumnReader]]
    max_row_bytes: int


def _columns(schema: pa.Schema, names: list[str], text: str, int96: Set[int], max_row_bytes: int) -> _Columns:
    others = [
        (index, name, ColumnReader(column_type, as_text=index in int96 or _is_nanoseconds(column_type)))
        for index, (name, column_type) in enumerate(zip(distinct_names(names), schema.types, strict=True))
    ]
    place = names.index(text)
    return _Columns(place, others[:place] + others[place + 1 :], max_row_bytes)


def _column_names(parquet: pq.ParquetFile, url: str) -> list[str]:
    try:
        return parquet.schema_arrow.names
    except UnicodeDecodeError as error:
        raise _damaged(url, error) from error


def _damaged(url: str, error: Exception) -> CorpusError:
    detail = " ".join(str(error).split())
    return CorpusError(
        f"{url} is not a readable Parquet file: it is truncated, damaged or of another format ({detail}). "
        "Download or copy it again, or correct the corpus's `format`."
    )


def _check_text_column(schema: pa.Schema, names: list[str], text: str, url: str) -> None:
    if text not in names:
        raise CorpusError(
            f"{url} has no column {text!r} (it has {', '.join(names)}). Correct the corpus's `format`, or map "
            "the columns: `columns: {text: NAME}`."
        )
    if names.count(text) > 1:
        raise CorpusError(
            f"{url} has {names.count(text)} columns {text!r}, so it is unclear which of them is the text. Write the "
            "file again with distinct names."
        )
    column_type = schema.field(names.index(text)).type
    # If every text is null, the column has the null type; such rows are rejected one by one, as in JSON.
    if not (is_string(column_type) or is_binary(column_type) or pa.types.is_null(column_type)):
        raise CorpusError(
            f"the column {text!r} of {url} holds {column_type}, not strings. Map the right one: "
            "`columns: {text: NAME}`."
        )


def _batches(
    parquet: pq.ParquetFile, readers: Int96Readers, wanted: range, url: str
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (first row in the file, batch) for the rows in `wanted`, touching only the row groups that hold some."""
    first_row = 0
    for index in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(index)
        position = first_row
        first_row += group.num_rows
        if position >= wanted.stop or first_row <= wanted.start:
            continue
        _check_expansion(group, index, url)
        row_bytes = group.total_byte_size // max(group.num_rows, 1)
        batch_rows = max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES // max(row_bytes, 1)))
        for batch in readers.of_group(index).iter_batches(batch_size=batch_rows, row_groups=[index]):
            start = max(wanted.start - position, 0)
            stop = min(wanted.stop - position, batch.num_rows)
            if start < stop:
                yield position + start, batch.slice(start, stop - start)
            position += batch.num_rows
            if position >= wanted.stop:
                return


def _check_expansion(group: pq.RowGroupMetaData, index: int, url: str) -> None:
    """Reject a row group that is a decompression bomb: pages are decompressed whole, whatever size they claim."""
    if group.total_byte_size < _EXPANDED_BYTES:
        return
    for number in range(group.num_columns):
        column = group.column(number)
        stated = column.total_uncompressed_size
        if stated > max(_EXPANDED_BYTES, _EXPANSION * column.total_compressed_size):
            raise CorpusError(
                f"column {column.path_in_schema!r} of row group {index} of {url} says that "
                f"{column.total_compressed_size:,} bytes stand for {stated:,}, as in a decompression bomb and in no "
                f"text. If it is text, write the file again with row groups below {_EXPANDED_BYTES >> 20} MiB."
            )


def _convert_batch(
    converter: RowConverter, columns: _Columns, first_row: int, batch: pa.RecordBatch
) -> Iterator[Document | Reject]:
    # Bytes, so that invalid UTF-8 in a string column rejects only its own row.
    texts = batch.column(columns.text).cast(pa.large_binary())
    too_long = rows_over(batch, columns.max_row_bytes)
    # For a row that is too long, only the beginning of its text becomes a Python object.
    natives = None if too_long else _native_rows(columns, batch)
    for offset in range(batch.num_rows):
        row = first_row + offset
        if offset in too_long:
            detail = f"{too_long[offset]} bytes, max_row_bytes is {columns.max_row_bytes}"
            yield converter.reject(row, "line_too_long", detail, _beginning(texts, offset))
            continue
        native = natives[offset] if natives is not None else _native_rows(columns, batch.slice(offset, 1))[0]
        if isinstance(native, UnicodeDecodeError):
            detail = f"in a column other than the text: {native}"
            yield converter.reject(row, "invalid_utf8", detail, _beginning(texts, offset))
            continue
        text = texts[offset].as_buffer()
        try:
            decoded = None if text is None else str(text, "utf-8")
        except UnicodeDecodeError as error:
            yield converter.reject(row, "invalid_utf8", f"in the text: {error}", _beginning(texts, offset))
            continue
        yield converter.convert(row, {converter.layout.text: decoded, **native})


def _beginning(texts: pa.Array, offset: int) -> bytes:
    return pc.binary_slice(texts.slice(offset, 1), 0, _KEPT_OF_LONG_TEXT)[0].as_py() or b""  # pyright: ignore[reportAttributeAccessIssue] - generated at import


def _native_rows(columns: _Columns, batch: pa.RecordBatch) -> list[dict[str, Any] | UnicodeDecodeError]:
    """Return each row's columns other than the text, or the error if one of them holds invalid UTF-8."""
    if not columns.others:
        return [{} for _ in range(batch.num_rows)]
    names = [name for _, name, _ in columns.others]
    values = [reader.values(batch.column(index)) for index, _, reader in columns.others]
    return [_native_row(names, row) for row in zip(*values, strict=True)]


def _native_row(names: list[str], values: tuple[Any, ...]) -> dict[str, Any] | UnicodeDecodeError:
    if UnicodeDecodeError in map(type, values):
        return next(value for value in values if isinstance(value, UnicodeDecodeError))
    return dict(zip(names, values, strict=True))


def _is_nanoseconds(column_type: pa.DataType) -> bool:
    return pa.types.is_timestamp(column_type) and column_type.unit == "ns"
