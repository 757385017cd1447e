"""Reading one table's file for one shard, once it is open: its footer, its rows, its columns.

Where the file lies and who may read it is in lake.py.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prox_assets.lake.errors import DamagedTableError, LakeError, ReplacedTableError
from prox_assets.lake.schemas import ADDED_COLUMNS, RENAMED_COLUMNS, SCHEMA_VERSION, SCHEMAS, WRITTEN_BY, Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.lake.table_files import FileInfo, value_range

# Rows become Python objects one batch at a time. A walk over documents, programs and refined texts side by side holds
# a batch of each: with 512 rows of long pages that was tens of MiB more (measured with replay).
READ_BATCH_ROWS = 512
READ_BATCH_BYTES = 1 << 20
# Column chunks are read through a buffer of this size; by default pyarrow prefetches all row groups and holds them.
COLUMN_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True)
class OpenTable:
    """A table's file, open and of this schema version.

    Attributes:
        table: The table.
        shard: The shard.
        parquet: The file.
    """

    table: Table
    shard: str
    parquet: pq.ParquetFile

    def info(self) -> FileInfo:
        """Return what the file says about itself."""
        values = footer_notes(self.parquet)
        return FileInfo(
            fingerprint=values["prox.fingerprint"],
            identity=values["prox.identity"],
            run_id=values["prox.run_id"],
            code_version=values["prox.code_version"],
            created_at=datetime.fromisoformat(values["prox.created_at"]),
            rows=self.parquet.metadata.num_rows,
            notes=json.loads(values["prox.notes"]),
        )

    def check_identity(self, identity: str) -> None:
        """Raise ReplacedTableError if the file has another identity."""
        values = footer_notes(self.parquet)
        if values["prox.identity"] != identity:
            raise replaced_error(self.table, self.shard, values["prox.run_id"])

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Stream the rows as dicts, one bounded batch in memory; `columns` None reads all."""
        footer = self.parquet.metadata
        added = self._may_lack - set(self.parquet.schema_arrow.names)
        lacking = dict.fromkeys(name for name in columns or SCHEMAS[self.table].names if name in added)
        stored = self._stored_names
        wanted = [stored.get(name, name) for name in columns if name not in lacking] if columns else None
        todays = {old: new for new, old in stored.items()}
        size = sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))
        batch_rows = max(1, min(READ_BATCH_ROWS, READ_BATCH_BYTES * footer.num_rows // max(size, 1)))
        for group in range(footer.num_row_groups):
            for batch in self.parquet.iter_batches(batch_rows, row_groups=[group], columns=wanted):
                for row in batch.rename_columns([todays.get(name, name) for name in batch.schema.names]).to_pylist():
                    yield {**row, **lacking}

    def rows_of_document(self, source_row: int) -> list[dict[str, Any]]:
        """Return one document's rows; reads only the row groups whose statistics may include it."""
        rows: list[dict[str, Any]] = []
        lacking = dict.fromkeys(self._may_lack - set(self.parquet.schema_arrow.names))
        for group in range(self.parquet.num_row_groups):
            span = value_range(self.parquet.metadata.row_group(group), "source_row")
            if span is not None and not span[0] <= source_row <= span[1]:
                continue
            for batch in self.parquet.iter_batches(READ_BATCH_ROWS, row_groups=[group]):
                found = batch.filter(pc.field("source_row") == source_row).to_pylist()
                rows += [{**row, **lacking} for row in found]
                if batch["source_row"][-1].as_py() > source_row:  # rows are in its order
                    return rows
        return rows

    def frames(
        self, names: Sequence[str], execution: str | None = None, predicate: pl.Expr | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the rows, one row group at a time.

        Args:
            names: The columns to return.
            execution: The execution whose rows count; None where all rows do.
            predicate: Condition on the rows; None for all. Its columns are fetched first, the others only if a row
                matches.

        Raises:
            pa.ArrowInvalid: A column is missing or has another type than in the table's schema.
        """
        for group in range(self.parquet.num_row_groups):
            condition = self._of_execution(group, execution)
            if predicate is not None:
                condition = predicate if condition is None else condition & predicate
            if condition is None:
                yield self._read(group, names)
                continue
            judged = condition.meta.root_names()
            frame = self._read(group, judged)
            counts = frame.select(condition).to_series()
            if counts.any():
                others = [name for name in names if name not in judged]
                yield frame.hstack(self._read(group, others)).filter(counts).select(names)

    def _of_execution(self, group: int, execution: str | None) -> pl.Expr | None:
        """Return the condition for a row group's rows to count; None where its statistics say that all of them do."""
        values = value_range(self.parquet.metadata.row_group(group), "execution_id") if execution else None
        return None if execution is None or values == (execution, execution) else pl.col("execution_id") == execution

    def _read(self, group: int, names: Sequence[str]) -> pl.DataFrame:
        there = self.parquet.schema_arrow.names
        stored = {name: self._stored_names.get(name, name) for name in names}
        present = [name for name in names if stored[name] in there]
        if missing := set(names) - set(present) - self._may_lack:
            raise pa.ArrowInvalid(f"no column {', '.join(sorted(missing))}")
        fields = [SCHEMAS[self.table].field(name) for name in names]
        rows = self.parquet.metadata.row_group(group).num_rows
        table = self.parquet.read_row_group(group, columns=[stored[name] for name in present])
        frame = pl.DataFrame(
            {
                field.name: table[stored[field.name]] if field.name in present else pa.nulls(rows, field.type)
                for field in fields
            }
        )
        if frame.schema != pl.Schema(pa.schema(fields)):
            raise pa.ArrowInvalid(f"columns of other types than the table's: {frame.schema}")
        return frame

    @property
    def _may_lack(self) -> frozenset[str]:
        return ADDED_COLUMNS.get(self.table, frozenset())

    @property
    def _stored_names(self) -> dict[str, str]:
        """The columns that an earlier release named otherwise, with their name in this file."""
        there = self.parquet.schema_arrow.names
        renamed = RENAMED_COLUMNS.get(self.table, {})
        return {new: old for new, old in renamed.items() if new not in there and old in there}


@contextmanager
def open_table(storage: Storage, path: str, table: Table, shard: str) -> Iterator[OpenTable | None]:
    """Open a table's file for the duration of the block; None where there is none.

    Raises:
        LakeError: The file has another schema version.
        DamagedTableError: The file is damaged (also raised when the block reads rows).
        RetryableLakeError: The store does not answer, or the file has since been replaced.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(storage.open(path))
        except FileNotFoundError:
            file = None
        if file is None:
            yield None
            return
        try:
            # On a disk, column chunks are read through a small buffer. From a store, the wanted columns of a row
            # group are fetched in as few requests as possible.
            parquet = pq.ParquetFile(file, buffer_size=COLUMN_BUFFER_BYTES, pre_buffer=not storage.is_local)
            version = footer_notes(parquet).get("prox.schema_version")
            if version != str(SCHEMA_VERSION):
                raise LakeError(
                    f"{storage.uri(path)} has lake schema version {version}, this code reads {SCHEMA_VERSION}; "
                    f"run {WRITTEN_BY[table]} again or use the version of prox_assets that wrote it"
                )
            yield OpenTable(table, shard, parquet)
        except (pa.ArrowException, OSError) as error:
            detail = " ".join(str(error).split())  # Arrow's messages may hold line breaks
            raise DamagedTableError(
                f"{storage.uri(path)} is damaged ({detail}); run {WRITTEN_BY[table]} again"
            ) from error


def footer_notes(parquet: pq.ParquetFile) -> dict[str, str]:
    """Return the `prox.` metadata that a file's writer recorded in its footer."""
    return {k.decode(): v.decode() for k, v in (parquet.metadata.metadata or {}).items() if k.startswith(b"prox.")}


def replaced_error(table: Table, shard: str, run_id: str) -> ReplacedTableError:
    """Return the error for a table that another run has replaced.

    Leases keep two runs from writing one table at the same time. Two runs with different configurations can still take
    turns, and would then produce a mix of both configurations.
    """
    return ReplacedTableError(
        f"{table} of shard {shard!r} was replaced by run {run_id}, which refines the same shard with another "
        "configuration, so this run publishes nothing. To get its result all the same, start it again once the other "
        "run has ended."
    )
