"""Tables that are only ever added to: a small file for every row or two, merged when there are many.

Every addition is a file of its own, so two writers never wait for each other and a killed one loses only what it was
writing. Folding merges the files into one. It writes the merged file before it removes the others: a kill in between
leaves rows twice, and whoever reads such a table must not mind (`LATEST`).
"""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow.parquet as pq

from prox_assets import __version__
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.open_table import open_table
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.lake.table_files import FileStamp, TableWriter

Row = Mapping[str, Any]

# A query opens every file: a hundred cost it some 30 ms.
FOLD_FROM = 100

LATEST: dict[Table, str] = {
    Table.JUDGEMENTS: "row_number() OVER (PARTITION BY corpus, doc_id, judge ORDER BY judged_at DESC) = 1",
    Table.COMPUTE: "row_number() OVER (PARTITION BY attempt ORDER BY succeeded IS NULL, recorded_at DESC) = 1",
}
"""The tables, each with the SQL condition (of QUALIFY) for the rows that count: the latest of each person on each
document or of each attempt, and no row twice."""


def new_name() -> str:
    """Return a name that no other file has. The time comes first, so that a listing shows the files in order."""
    return f"{time.time_ns():020d}-{uuid.uuid4().hex}"


def append(lake: Lake, table: Table, folder: str, rows: Iterable[Row], name: str | None = None) -> None:
    """Write rows as a file of their own; they are on the disk when this returns.

    Args:
        lake: The lake.
        table: A table of `LATEST`.
        folder: Folder of the lake that has the table's folder: a corpus's name, for example.
        rows: The rows, with all columns but `code_version`.
        name: Name of the file; a new one if None.

    Raises:
        LakeError: The lake cannot be written.
    """
    name = name or new_name()
    stamp = FileStamp(fingerprint(str(table)), name, name, __version__)
    with (
        lake.storage.new_files([_path(table, folder, name)]) as [temporary],
        pq.ParquetWriter(temporary, SCHEMAS[table], compression="zstd") as sink,
    ):
        writer = TableWriter(sink, SCHEMAS[table], {"code_version": __version__})
        for row in rows:
            writer.write(row)
        writer.finish(stamp)


def read_one(lake: Lake, table: Table, folder: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of a file; [] if it is not there.

    Raises:
        LakeError: The file is damaged, or the lake cannot be read.
    """
    with open_table(lake.storage, _path(table, folder, name), table, name) as opened:
        return list(opened.rows(None)) if opened else []


def remove_one(lake: Lake, table: Table, folder: str, name: str) -> None:
    """Remove a file, if it is there.

    Raises:
        LakeError: It cannot be removed.
    """
    lake.storage.remove(_path(table, folder, name))


def fold(lake: Lake, table: Table, folder: str, stays: Callable[[Row], bool] = lambda _: False) -> int:
    """Merge the files of a folder into one if there are many; return how many were merged.

    Args:
        lake: The lake.
        table: The table.
        folder: As in `append`.
        stays: Tells whether a file with such a row is left as it is.

    Raises:
        LakeError: A file is damaged, or the lake cannot be written.
    """
    suffix = ".parquet"
    files = [name.removesuffix(suffix) for name in lake.storage.list_files(f"{folder}/{table}") if suffix in name]
    if len(files) < FOLD_FROM:
        return 0
    found = {name: read_one(lake, table, folder, name) for name in files}
    merged = {name: rows for name, rows in found.items() if not any(map(stays, rows))}
    if len(merged) < FOLD_FROM:
        return 0
    # Another process may be folding the same files: then both leave the same rows, and either may remove a file first.
    append(lake, table, folder, (row for rows in merged.values() for row in rows))
    for name in merged:
        remove_one(lake, table, folder, name)
    return len(merged)


def _path(table: Table, folder: str, name: str) -> str:
    return f"{folder}/{table}/{name}.parquet"
