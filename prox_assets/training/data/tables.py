"""Small Parquet tables and JSON files in a lab's folder: written atomically, read as rows."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.storage.storage import Storage

ROWS_PER_GROUP = 500


def write_table(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows to a file that appears only once complete; return their number. Missing columns become null.

    Raises:
        LakeError: The file cannot be written.
    """
    count = 0
    left = iter(rows)
    with (
        Storage(str(path.parent)).new_files([path.name]) as [unfinished],
        pq.ParquetWriter(unfinished, schema, compression="zstd") as writer,
    ):
        while group := list(islice(left, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in group], schema))
            count += len(group)
    return count


def read_table(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table in order.

    Raises:
        FileNotFoundError: The table has not been written yet.
    """
    for batch in pq.ParquetFile(path).iter_batches(ROWS_PER_GROUP):
        yield from batch.to_pylist()


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON to a file that appears only once complete."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
