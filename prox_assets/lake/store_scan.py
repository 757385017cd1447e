"""A lazy polars frame over a table's files in an object store.

All bytes come through the lake's own storage, so a scan fails with the same messages as every other read. We do not use
polars' client for object stores: it takes other credentials, endpoints and timeouts than the rest of the lake, and if
another run replaces a file after its footer was read, it goes on reading rows from the new file.

This module decides which row groups and columns to fetch and how far to read ahead; lake.py opens the files and checks
them.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import islice

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source

from prox_assets.lake.table_files import value_range

# Up to this many files are started at once, to hide the store's latency. Each holds its first row group in memory, a
# few MiB at most (ROW_GROUP_BYTES). A scan starts with one file, which is enough for a query that needs a few rows.
FILES_AT_A_TIME = 8


@dataclass(frozen=True)
class TableFile:
    """A table's file, open and checked.

    Attributes:
        parquet: The file.
        execution_id: The execution whose rows count; None where all rows do.
    """

    parquet: pq.ParquetFile
    execution_id: str | None


@dataclass(frozen=True)
class StoreScan:
    """A scan over one table's files.

    Attributes:
        open_file: Opens a shard's file; gives None where the shard has no rows. It may translate Arrow's errors, which
            reads inside it can raise; `collect` raises the result.
        shards: The shards, in the order of their rows.
        schema: The table's columns.
        may_lack: Columns that a file may lack; they read as null.
    """

    open_file: Callable[[str], AbstractContextManager[TableFile | None]]
    shards: Sequence[str]
    schema: pa.Schema
    may_lack: frozenset[str]

    def frame(self) -> pl.LazyFrame:
        """Return the lazy frame; files are opened when it is collected.

        A collect fetches only the wanted columns, the filter's columns first. It stops at the file that holds the last
        row asked for, apart from files that are already being fetched.
        """
        return register_io_source(self._rows, schema=pl.Schema(self.schema))

    def _rows(
        self, wanted: list[str] | None, predicate: pl.Expr | None, limit: int | None, _batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        # A query that only counts rows wants no columns.
        names = self.schema.names if wanted is None else wanted or self.schema.names[:1]
        if limit is None:
            yield from _read_ahead(self._rows_of(shard, names, predicate) for shard in self.shards)
            return
        # polars applies the limit before the filter.
        with closing(_read_ahead(self._rows_of(shard, names, None) for shard in self.shards)) as frames:
            for frame in frames:
                head = frame.head(limit)
                yield head if predicate is None else head.filter(predicate)
                limit -= head.height
                if limit == 0:
                    return

    def _rows_of(self, shard: str, names: Sequence[str], predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        with self.open_file(shard) as file:
            if file is not None:
                yield from row_groups(file, self.schema, self.may_lack, names, predicate)


def row_groups(
    file: TableFile,
    schema: pa.Schema,
    may_lack: frozenset[str],
    names: Sequence[str],
    predicate: pl.Expr | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield the rows of an open file, one row group at a time.

    Args:
        file: The file.
        schema: The table's columns.
        may_lack: Columns that a file may lack; they read as null.
        names: The columns to return.
        predicate: Condition on the rows; None for all. Its columns are fetched first, the others only if a row matches.

    Raises:
        pa.ArrowInvalid: A column is missing or has another type than in the table's schema.
    """
    for group in range(file.parquet.num_row_groups):
        condition = _of_execution(file, group)
        if predicate is not None:
            condition = predicate if condition is None else condition & predicate
        if condition is None:
            yield _read(file.parquet, schema, may_lack, group, names)
            continue
        judged = condition.meta.root_names()
        frame = _read(file.parquet, schema, may_lack, group, judged)
        counts = frame.select(condition).to_series()
        if counts.any():
            others = [name for name in names if name not in judged]
            yield frame.hstack(_read(file.parquet, schema, may_lack, group, others)).filter(counts).select(names)


def _read(
    file: pq.ParquetFile, schema: pa.Schema, may_lack: frozenset[str], group: int, names: Sequence[str]
) -> pl.DataFrame:
    present = [name for name in names if name in file.schema_arrow.names]
    missing = set(names) - set(present) - may_lack
    if missing:
        raise pa.ArrowInvalid(f"no column {', '.join(sorted(missing))}")
    fields = [schema.field(name) for name in names]
    rows = file.metadata.row_group(group).num_rows
    table = file.read_row_group(group, columns=present)
    frame = pl.DataFrame(
        {field.name: table[field.name] if field.name in present else pa.nulls(rows, field.type) for field in fields}
    )
    if frame.schema != pl.Schema(pa.schema(fields)):
        raise pa.ArrowInvalid(f"columns of other types than the table's: {frame.schema}")
    return frame


def _of_execution(file: TableFile, group: int) -> pl.Expr | None:
    """Return the condition for a row group's rows to count; None where its statistics say that all of them do."""
    if file.execution_id is None:
        return None
    execution = file.execution_id
    if value_range(file.parquet.metadata.row_group(group), "execution_id") == (execution, execution):
        return None
    return pl.col("execution_id") == execution


def _read_ahead(files: Iterable[Iterator[pl.DataFrame]]) -> Generator[pl.DataFrame, None, None]:
    """Yield the frames of the files in order, while fetching the first frames of the next files."""
    remaining = iter(files)
    begun: deque[tuple[Iterator[pl.DataFrame], Future[pl.DataFrame | None]]] = deque()
    at_a_time = 1
    with ThreadPoolExecutor(FILES_AT_A_TIME, thread_name_prefix="scan") as pool:
        try:
            while True:
                begun += [(file, pool.submit(next, file, None)) for file in islice(remaining, at_a_time - len(begun))]
                if not begun:
                    return
                file, first = begun.popleft()
                frame = first.result()
                if frame is not None:
                    yield frame
                    yield from file
                at_a_time = min(2 * at_a_time, FILES_AT_A_TIME)
        finally:
            pool.shutdown(cancel_futures=True)
