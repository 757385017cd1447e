"""One table's file for one shard: its footer, and writing it row by row.

Where files lie and how they are published is in lake.py.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.schemas import SCHEMA_VERSION

# A row group ends at whichever limit comes first. polars holds one row group at a time, and lists of its words take
# many times the size of the text (measured: 17 MB of text in one group cost the signals 250 MiB), so these limits bound
# every reader's memory. 20,000 rows keep the row groups of narrow tables worth their overhead.
ROW_GROUP_BYTES = 4 << 20
ROW_GROUP_ROWS = 20_000
# Rows are converted to Arrow after this much: as Arrow columns they take a tenth of the memory of Python objects.
PENDING_BYTES = 1 << 20
PENDING_ROWS = 512


@dataclass(frozen=True)
class FileInfo:
    """What a table's file says about itself in its footer.

    Attributes:
        fingerprint: Fingerprint of the configuration that wrote it.
        identity: Identity of its contents: the fingerprint combined with the identities of its inputs.
        run_id: The run that wrote it.
        code_version: The version of the code that wrote it.
        created_at: When it was written, in UTC.
        rows: Rows in the file.
        notes: Anything else its writer recorded, as JSON-like values.
    """

    fingerprint: str
    identity: str
    run_id: str
    code_version: str
    created_at: datetime
    rows: int
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class FileStamp:
    """What a writer knows about a file before the first row; see FileInfo for the fields.

    `execution_id` is required for the EXECUTION_TABLES and fills the column of that name.
    """

    fingerprint: str
    identity: str
    run_id: str
    code_version: str
    execution_id: str | None = None


class TableWriter:
    """Streams rows into one Parquet file, one row group at a time; `Lake.write` creates it."""

    def __init__(self, sink: pq.ParquetWriter, schema: pa.Schema, fixed: Mapping[str, Any]) -> None:
        self._sink = sink
        self._schema = schema
        self._fixed = {name: value for name, value in fixed.items() if name in schema.names}
        self._pending: list[Mapping[str, Any]] = []
        self._pending_bytes = 0
        self._group: list[pa.RecordBatch] = []
        self._group_bytes = self._group_rows = 0
        self.rows = 0
        self.notes: dict[str, Any] = {}

    def write(self, row: Mapping[str, Any]) -> None:
        """Add one row; columns that are the same throughout the file (corpus, shard, run_id, ...) may be left out."""
        self._pending.append(row)
        self._pending_bytes += sum(len(value) for value in row.values() if isinstance(value, str))
        self.rows += 1
        if len(self._pending) >= min(PENDING_ROWS, ROW_GROUP_ROWS) or self._pending_bytes >= min(
            PENDING_BYTES, ROW_GROUP_BYTES
        ):
            self._convert_pending()

    def write_table(self, table: pa.Table) -> None:
        """Add a whole Arrow table that already has the file's schema."""
        self.flush()
        self.rows += table.num_rows
        self._sink.write_table(table)

    def flush(self) -> None:
        """Write the pending rows as a row group."""
        self._convert_pending()
        if self._group:
            self._sink.write_table(pa.Table.from_batches(self._group, self._schema))
            self._group, self._group_bytes, self._group_rows = [], 0, 0

    def _convert_pending(self) -> None:
        if not self._pending:
            return
        columns = [
            pa.array([row[name] if name in row else self._fixed[name] for row in self._pending], field.type)
            for name, field in zip(self._schema.names, self._schema, strict=True)
        ]
        self._group.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._group_bytes += self._pending_bytes
        self._group_rows += len(self._pending)
        self._pending, self._pending_bytes = [], 0
        if self._group_rows >= ROW_GROUP_ROWS or self._group_bytes >= ROW_GROUP_BYTES:
            self.flush()

    def finish(self, stamp: FileStamp) -> None:
        """Write the last rows and the footer's metadata."""
        self.flush()
        self._sink.add_key_value_metadata(
            {
                "prox.schema_version": str(SCHEMA_VERSION),
                "prox.fingerprint": stamp.fingerprint,
                "prox.identity": stamp.identity,
                "prox.run_id": stamp.run_id,
                "prox.code_version": stamp.code_version,
                "prox.created_at": datetime.now(UTC).isoformat(),
                "prox.notes": json.dumps(self.notes),
            }
        )


def value_range(group: pq.RowGroupMetaData, name: str) -> tuple[Any, Any] | None:
    """Return the minimum and maximum of a column in a row group; None where it has no statistics."""
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == name and column.statistics is not None and column.statistics.has_min_max:
            return column.statistics.min, column.statistics.max
    return None
