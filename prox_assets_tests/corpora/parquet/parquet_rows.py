"""Writes one column beside a text column and reads what comes out of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets_tests.corpora.raw_files import documents_of, source_of


def table_of(column: pa.Array) -> pa.Table:
    """Return a table of texts and the column `native`."""
    return pa.table({"text": [f"text {row}" for row in range(len(column))], "native": column})


def native_values(folder: Path, column: pa.Array, **options: Any) -> list[Any]:
    """Write a column, read the file as a corpus, and return the column's values out of `metadata`."""
    path = folder / "a.parquet"
    pq.write_table(table_of(column), path, **options)
    return [json.loads(document.metadata)["native"] for document in documents_of(source_of(path))]


def integers(values: Sequence[int | None], data_type: pa.DataType) -> pa.Array:
    """Return integers as a type that stores them: days, or ticks of a second."""
    width = pa.int32() if data_type.bit_width == 32 else pa.int64()
    return pa.array(values, width).view(data_type)
