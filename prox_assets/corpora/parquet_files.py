"""Parquet files: documents from record batches of the rows asked for, and nothing else of the file."""

from collections.abc import Iterator
from io import RawIOBase
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.formats import Layout, detect_layout, undecidable
from prox_assets.corpora.rows import RowConverter
from prox_assets.corpora.source import CorpusSource
from prox_assets.corpora.streams import too_many_rows

_BATCH_BYTES = 16 * 1024 * 1024
# What a row takes when it is decoded, no footer tells: a dictionary of one long value repeated a million times, or long
# rows at the start of a group of short ones, make a file of kilobytes that a batch of 1,024 rows turns into gigabytes
# (measured: 3 GiB from 52 kB). So few rows are decoded at a time; on real pages this costs 5 % of reading.
_MAX_BATCH_ROWS = 8
# What is kept of a text over the cap, for the reject's excerpt: 200 characters of at most 4 bytes.
_KEPT_OF_LONG_TEXT = 800
# Text shrinks 3 to 10 times, columns of one value a few hundred times before their encoding leaves nothing to compress.
_EXPANSION = 1_000
_EXPANDED_BYTES = 256 * 1024 * 1024
# Column chunks are read through a buffer of this size; without one a whole row group's bytes are held.
_COLUMN_BUFFER_BYTES = 1 << 20


def count_parquet_rows(file: RawIOBase, url: str, max_rows: int) -> int:
    """Return the number of rows that the footer states.

    Raises:
        CorpusError: It is not a Parquet file, it is truncated, or it has more rows than `max_rows`.
    """
    return _checked_rows(_open(file, url), url, max_rows)


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
    """Yield a document or reject for each row asked for.

    Args:
        source: The corpus.
        source_file: Path relative to the glob root.
        url: The file, for errors.
        file: The open file; stays open.
        layout: Where a row keeps what; None finds out from the schema.
        rows: Rows wanted, as far as the file has them; None means all.

    Raises:
        CorpusError: Not a Parquet file, damaged, a decompression bomb, longer than the corpus allows for, or without a
            text column of strings.
    """
    parquet = _open(file, url)
    schema = parquet.schema_arrow
    if layout is None:
        layout = detect_layout(schema.names)
    if layout is None:
        raise undecidable(url, f"columns: {', '.join(schema.names)}")
    _check_text_column(schema, layout.text, url)
    converter = RowConverter(source.name, source_file, layout)
    file_rows = _checked_rows(parquet, url, source.max_rows_per_file)
    wanted = rows if rows is not None else range(file_rows)
    try:
        for first_row, batch in _batches(parquet, wanted, url):
            yield from _convert_batch(converter, first_row, batch, source.max_row_bytes)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(url, error) from error


def _open(file: RawIOBase, url: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file, buffer_size=_COLUMN_BUFFER_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(url, error) from error


def _damaged(url: str, error: Exception) -> CorpusError:
    detail = " ".join(str(error).split())
    return CorpusError(
        f"{url} is not a readable Parquet file: it is truncated, damaged or of another format ({detail}). "
        "Download or copy it again, or correct the corpus's `format`."
    )


def _check_text_column(schema: pa.Schema, text: str, url: str) -> None:
    if text not in schema.names:
        raise CorpusError(
            f"{url} has no column {text!r} (it has {', '.join(schema.names)}). Correct the corpus's `format`, or map "
            "the columns: `columns: {text: NAME}`."
        )
    column_type = _value_type(schema.field(text).type)
    if not (_is_string(column_type) or _is_binary(column_type)):
        raise CorpusError(
            f"the column {text!r} of {url} holds {column_type}, not strings. Map the right one: "
            "`columns: {text: NAME}`."
        )


def _batches(parquet: pq.ParquetFile, wanted: range, url: str) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (row of the file, batch) for the rows in `wanted`, touching only the row groups that hold some."""
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
        for batch in parquet.iter_batches(batch_size=batch_rows, row_groups=[index]):
            start = max(wanted.start - position, 0)
            stop = min(wanted.stop - position, batch.num_rows)
            if start < stop:
                yield position + start, batch.slice(start, stop - start)
            position += batch.num_rows
            if position >= wanted.stop:
                return


def _check_expansion(group: pq.RowGroupMetaData, index: int, url: str) -> None:
    """Refuse a row group that is a decompression bomb: a page is decompressed whole, however large it says it is."""
    if group.total_byte_size < _EXPANDED_BYTES:
        return
    for number in range(group.num_columns):
        column = group.column(number)
        stated = column.total_uncompressed_size
        if stated > max(_EXPANDED_BYTES, _EXPANSION * column.total_compressed_size):
            raise CorpusError(
                f"column {column.path_in_schema!r} of row group {index} of {url} says that "
                f"{column.total_compressed_size:,} bytes stand for {stated:,}: no text does that, a decompression bomb "
                f"does. If it is none, write the file again with row groups below {_EXPANDED_BYTES >> 20} MiB."
            )


def _convert_batch(
    converter: RowConverter, first_row: int, batch: pa.RecordBatch, max_row_bytes: int
) -> Iterator[Document | Reject]:
    name = converter.layout.text
    # Bytes, because a string column may hold invalid UTF-8 that only one row should pay for.
    texts = _as_bytes(batch.column(name))
    lengths = pc.binary_length(texts).to_pylist()  # pyright: ignore[reportAttributeAccessIssue] - generated at import
    others = _native_rows(batch.drop_columns([name]), batch.num_rows)
    for offset, (length, native) in enumerate(zip(lengths, others, strict=True)):
        row = first_row + offset
        too_long = (length or 0) > max_row_bytes
        # Only the beginning of a text over the cap ever becomes a Python object.
        text = _beginning(texts, offset) if too_long else texts[offset].as_py()
        if isinstance(native, UnicodeDecodeError):
            yield converter.reject(row, "invalid_utf8", f"in a column other than the text: {native}", text or b"")
        elif too_long:
            detail = f"{length} bytes of text, max_row_bytes is {max_row_bytes}"
            yield converter.reject(row, "line_too_long", detail, text or b"")
        else:
            try:
                decoded = None if text is None else text.decode("utf-8")
            except UnicodeDecodeError as error:
                yield converter.reject(row, "invalid_utf8", f"in the text: {error}", text or b"")
                continue
            yield converter.convert(row, {name: decoded, **native})


def _as_bytes(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    return column.cast(pa.large_binary())


def _beginning(texts: pa.Array, offset: int) -> bytes:
    return pc.binary_slice(texts.slice(offset, 1), 0, _KEPT_OF_LONG_TEXT)[0].as_py()  # pyright: ignore[reportAttributeAccessIssue] - likewise


def _native_rows(batch: pa.RecordBatch, num_rows: int) -> list[dict[str, Any] | UnicodeDecodeError]:
    """Return each row's columns, or the error where one holds invalid UTF-8."""
    if not batch.num_columns:
        return [{} for _ in range(num_rows)]
    columns = [_readable(column) for column in batch.columns]
    batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        return [_native_row(batch.slice(row, 1)) for row in range(num_rows)]


def _native_row(row: pa.RecordBatch) -> dict[str, Any] | UnicodeDecodeError:
    try:
        return row.to_pylist()[0]
    except UnicodeDecodeError as error:
        return error


def _readable(column: pa.Array) -> pa.Array:
    """Return the column so that Python can hold its values: nanoseconds do not fit its datetime, their text does."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return pc.cast(column, pa.string())
    return column


def _value_type(column_type: pa.DataType) -> pa.DataType:
    return column_type.value_type if isinstance(column_type, pa.DictionaryType) else column_type


def _is_string(column_type: pa.DataType) -> bool:
    types = pa.types
    return types.is_string(column_type) or types.is_large_string(column_type) or types.is_string_view(column_type)


def _is_binary(column_type: pa.DataType) -> bool:
    types = pa.types
    return types.is_binary(column_type) or types.is_large_binary(column_type) or types.is_binary_view(column_type)
