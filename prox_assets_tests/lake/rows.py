"""Rows that fit each table's schema, made from the schema itself."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.lake.table_files import FileStamp

STAMP = FileStamp("fingerprint", "identity", "run-1", "1.0", "execution-1")


def sample_row(table: Table, number: int) -> dict[str, Any]:
    """Return a row with a value of the right type in every column that a writer does not fill in by itself."""
    filled_in = {"corpus", "shard", "run_id", "code_version", "execution_id"}
    return {field.name: _value(field.type, number) for field in SCHEMAS[table] if field.name not in filled_in}


def _value(kind: pa.DataType, number: int) -> Any:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return f"text {number} é 中"
    if pa.types.is_integer(kind):
        return number
    if pa.types.is_floating(kind):
        return number / 2
    if pa.types.is_boolean(kind):
        return number % 2 == 0
    if pa.types.is_timestamp(kind):
        return datetime(2025, 1, 1, tzinfo=UTC)
    if pa.types.is_struct(kind):
        return {field.name: _value(field.type, number) for field in kind}
    assert pa.types.is_list(kind)
    return [_value(kind.value_type, number), _value(kind.value_type, number + 1)]


def write_rows(lake: Lake, table: Table, shard: str, count: int, stamp: FileStamp = STAMP) -> None:
    with lake.write("pages", shard, [table], stamp) as [writer]:
        for number in range(count):
            writer.write(sample_row(table, number))
