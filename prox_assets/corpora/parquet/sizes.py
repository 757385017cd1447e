"""Measures the rows of a record batch in bytes, without creating a Python object for any value."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute generates its functions at import time.

import pyarrow as pa
import pyarrow.compute as pc

from prox_assets.corpora.parquet.values import as_list, is_binary, is_list, is_string


def rows_over(batch: pa.RecordBatch, limit: int) -> dict[int, int]:
    """Return the size in bytes of each row larger than `limit`, by its index in the batch.

    Strings and bytes count their bytes, numbers and times their width, lists and structs their contents.

    Args:
        batch: The rows; without types whose values refer to shared ones, such as dictionaries.
        limit: Maximum bytes of a row.
    """
    # A fast path, since this runs every few rows: usually the whole batch is smaller than the limit for one row.
    if batch.nbytes <= limit:
        return {}
    sizes = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    for column in batch.columns:
        sizes = pc.add(sizes, _sizes(column))
    return {row: size for row, size in enumerate(sizes.to_pylist()) if size > limit}


def _sizes(array: pa.Array) -> pa.Array:
    """Return the bytes of each value of an array as int64."""
    data_type, types = array.type, pa.types
    if isinstance(array, pa.ExtensionArray):
        return _sizes(array.storage)
    if types.is_struct(data_type):
        sizes = pa.repeat(pa.scalar(0, pa.int64()), len(array))
        for field in array.flatten():
            sizes = pc.add(sizes, _sizes(field))
        return sizes
    if is_list(data_type):
        return _list_sizes(as_list(array))
    if is_string(data_type) or is_binary(data_type):
        return _or_zero(pc.binary_length(array.cast(pa.large_binary())))
    width = 0 if types.is_null(data_type) else max(1, data_type.bit_width // 8)
    return pa.repeat(pa.scalar(width, pa.int64()), len(array))


def _list_sizes(array: pa.Array) -> pa.Array:
    lengths = _or_zero(pc.list_value_length(array).cast(pa.int64()))
    ends = pc.cumulative_sum(lengths)
    zero = pa.array([0], pa.int64())
    totals = pa.concat_arrays([zero, pc.cumulative_sum(_sizes(array.flatten()))])
    return pc.subtract(totals.take(ends), totals.take(pc.subtract(ends, lengths)))


def _or_zero(sizes: pa.Array) -> pa.Array:
    return pc.fill_null(sizes, 0)
