"""The columns of a programs data set, and files of them that are the same bytes whenever their rows are the same."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.table_files import ROW_GROUP_BYTES, ROW_GROUP_ROWS

Row = dict[str, Any]

READ_ROWS = 512
# By default pyarrow would hold all row groups of a file ahead of the reader.
_COLUMN_BUFFER_BYTES = 1 << 18

_TEXTS = ("text", "original", "input")
"""Columns of whole texts, which fill a row group."""

_CHUNK = pa.struct([("line_start", pa.int64()), ("line_end", pa.int64()), ("program", pa.large_string())])
_REPLACEMENT = pa.struct(
    [("start", pa.int64()), ("end", pa.int64()), ("kind", pa.string()), ("replacement", pa.string())]
)


def schema_of(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    """Return a schema from names, types and descriptions of its columns."""
    return pa.schema([pa.field(name, kind, metadata={"description": text}) for name, kind, text in columns])


PLACE = (
    ("doc_id", pa.string(), "Hash of corpus, source file and row."),
    ("source_file", pa.string(), "Path of the original file relative to the corpus's glob root."),
    ("source_row", pa.int64(), "Row in that file, 0-based, counting rows that are no documents."),
    ("url", pa.string(), "Address of the page, or null."),
    ("raw_hash", pa.string(), "xxh3-128 of the original text's UTF-8 bytes, 32 hex digits."),
)
"""The columns that say which document a row is about."""

PROGRAMS = schema_of(
    *PLACE,
    ("outcome", pa.string(), "kept_unchanged, kept_edited, dropped_by_document or dropped_by_chunks."),
    ("reason", pa.string(), "Why, where there is more to say."),
    (
        "chunks",
        pa.list_(_CHUNK),
        "What is executed: lines of the document (0-based, inclusive) and the calls on them. Lines in no chunk stay.",
    ),
    (
        "replacements",
        pa.list_(_REPLACEMENT),
        "Spans of the text that these leave (characters, end exclusive) and what takes their place: personal data.",
    ),
    ("characters_before", pa.int64(), "Characters of the original text."),
    ("characters_after", pa.int64(), "Characters of the refined text; 0 if the document was dropped."),
    ("refined_hash", pa.string(), "Hash of the refined text, as raw_hash; null if the document was dropped."),
)
"""A document of a programs data set: where it is, what it must be, what is done to it, and what must come out."""

REFINED = schema_of(
    *PLACE,
    ("text", pa.large_string(), "Refined text."),
    ("metadata", pa.large_string(), "The original's other columns, as a JSON object."),
    ("refined_hash", pa.string(), "Hash of the refined text."),
)
"""A refined document that applying programs wrote."""

UNMATCHED = schema_of(
    ("source_file", pa.string(), "The original file's path relative to the glob root."),
    ("source_row", pa.int64(), "Row in it."),
    ("raw_hash", pa.string(), "Hash of its text."),
    ("expected_file", pa.string(), "source_file of the program for this place; null if there is none."),
    ("is_named", pa.bool_(), "Whether any program names the file."),
)
"""An original document that has no program at its place, or one for another text."""

UNUSED = PROGRAMS.append(pa.field("policy", pa.string())).append(pa.field("problem", pa.string()))
"""A program, with the key of its policy, whose document was not at its place: changed, missing or not_given."""

MOVED = pa.schema([pa.field("original_file", pa.string()), pa.field("original_row", pa.int64()), *UNUSED])
"""A program and the place where its document was found instead."""


class RowWriter:
    """Writes rows to a Parquet file; equal rows give equal bytes, because nothing else is in it, not even a time."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = pq.ParquetWriter(path, schema, compression="zstd", compression_level=9)
        self._rows: list[Mapping[str, Any]] = []
        self._characters = 0
        self.rows = 0

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row with the schema's columns."""
        self._rows.append(row)
        self.rows += 1
        self._characters += sum(len(row.get(name, "")) for name in _TEXTS)
        self._characters += sum(len(one["program"] or "") for one in row.get("chunks", ()))
        if len(self._rows) == ROW_GROUP_ROWS or self._characters >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        columns = [[row[name] for row in self._rows] for name in self._schema.names]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._sink.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._characters = [], 0

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._rows:
            self._flush()
        self._sink.close()


def read_rows(file: BinaryIO, schema: pa.Schema, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield the rows of an open file, a bounded batch in memory.

    Args:
        file: The file.
        schema: The columns that it must have.
        columns: Those to read; None for all.

    Raises:
        ArrowException: It is no Parquet file, or a damaged one.
        ValueError: It has other columns.
    """
    with pq.ParquetFile(file, buffer_size=_COLUMN_BUFFER_BYTES, pre_buffer=False) as parquet:
        if not parquet.schema_arrow.equals(schema):
            raise ValueError(f"its columns are {', '.join(parquet.schema_arrow.names)}")
        for batch in parquet.iter_batches(READ_ROWS, columns=columns, use_threads=False):
            yield from batch.to_pylist()
