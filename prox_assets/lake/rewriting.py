"""Taking rows out of a Parquet file: everything else in it stays, what its footer says included.

A file that was rewritten so is still current: its fingerprint, identity and notes are those it had.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.errors import DamagedTableError
from prox_assets.lake.open_table import COLUMN_BUFFER_BYTES
from prox_assets.lake.storage.storage import Storage

Footer = Mapping[bytes, bytes]
_ARROW_SCHEMA = b"ARROW:schema"  # the writer adds it itself


def count_with(storage: Storage, path: str, column: str, values: Collection[str]) -> int | None:
    """Return how many rows of a file have one of some values in a column; None where there is no such file.

    Raises:
        DamagedTableError: The file cannot be read.
    """
    try:
        with storage.open(path) as file:
            parquet = pq.ParquetFile(file, buffer_size=COLUMN_BUFFER_BYTES, pre_buffer=not storage.is_local)
            groups = (parquet.read_row_group(group, columns=[column]) for group in range(parquet.num_row_groups))
            return sum(int(_have(rows, column, values).sum()) for rows in groups)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(storage, path, error) from error


def write_without(
    storage: Storage,
    path: str,
    target: Path,
    column: str,
    values: Collection[str],
    footer: Callable[[Footer], Footer] = lambda footer: footer,
) -> pa.Table:
    """Write a file's rows, but for those with some values in a column, to another file; return the others.

    A row group is in memory at a time.

    Args:
        storage: Where the file is.
        path: The file.
        target: The file to write.
        column: The column.
        values: Values of rows that are left out.
        footer: Returns what the new footer says, given what the old one does.

    Raises:
        DamagedTableError: The file cannot be read.
    """
    try:
        with storage.open(path) as file:
            parquet = pq.ParquetFile(file, buffer_size=COLUMN_BUFFER_BYTES, pre_buffer=not storage.is_local)
            schema = parquet.schema_arrow
            out = [schema.empty_table()]
            with pq.ParquetWriter(target, schema, compression="zstd") as sink:
                for group in range(parquet.num_row_groups):
                    rows = parquet.read_row_group(group)
                    have = _have(rows, column, values)
                    kept = rows.filter((~have).to_arrow())
                    if kept.num_rows < rows.num_rows:
                        out.append(rows.filter(have.to_arrow()))
                    if kept.num_rows:
                        sink.write_table(kept)
                old = parquet.metadata.metadata or {}
                sink.add_key_value_metadata(
                    footer({name: value for name, value in old.items() if name != _ARROW_SCHEMA})
                )
            return pa.concat_tables(out)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(storage, path, error) from error


def _have(rows: pa.Table, column: str, values: Collection[str]) -> pl.Series:
    return pl.Series(rows[column]).cast(pl.String).is_in(sorted(values)).fill_null(value=False)


def _damaged(storage: Storage, path: str, error: Exception) -> DamagedTableError:
    return DamagedTableError(f"{storage.uri(path)} is damaged ({' '.join(str(error).split())})")
