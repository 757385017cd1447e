"""INT96, the timestamps that Spark, Hive and Impala wrote before Parquet had any: days, and nanoseconds of the day.

Arrow combines both into one number, by default nanoseconds since 1970, and silently wraps values modulo 2 ** 64: the
year 9999 becomes 1816. We therefore read a row group's timestamps as seconds first, a unit that holds every INT96, and
then read them in the finest unit that holds them all.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute generates its functions at import time.

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prox_assets.corpora.parquet.values import leaves

# Seconds before and after 1970 that fit into 64 bits in each unit.
_REACH = {unit: (1 << 63) // per_second - 1 for unit, per_second in (("ns", 10**9), ("us", 10**6), ("ms", 10**3))}
# A row may hold a long list of timestamps, at eight bytes each, so only a few rows are read at a time.
_BATCH_ROWS = 64


class Int96Readers:
    """Picks a reader for each row group with a unit that holds its INT96 timestamps; files without INT96 need only one.

    Args:
        parquet: The file.
        reopen: Opens the file again, given the unit in which to read INT96.

    Attributes:
        columns: Indices of the columns that are INT96 timestamps, excluding lists and structs of them.
    """

    def __init__(self, parquet: pq.ParquetFile, reopen: Callable[[str], pq.ParquetFile]) -> None:
        self._reopen = reopen
        self._readers = {"ns": parquet}
        leaves_of_file = (parquet.schema.column(number) for number in range(len(parquet.schema)))
        self._paths = [leaf.path for leaf in leaves_of_file if leaf.physical_type == "INT96"]
        self.columns: frozenset[int] = frozenset()
        if self._paths:
            types = zip(parquet.schema_arrow.types, self._reader("s").schema_arrow.types, strict=True)
            self.columns = frozenset(
                index for index, (fine, coarse) in enumerate(types) if fine != coarse and pa.types.is_timestamp(fine)
            )

    def of_group(self, index: int) -> pq.ParquetFile:
        """Return the reader for a row group."""
        if not self._paths:
            return self._readers["ns"]
        furthest = self._furthest_second(index)
        return self._reader(next(unit for unit, reach in _REACH.items() if furthest < reach))

    def _furthest_second(self, index: int) -> int:
        furthest = 0
        batches = self._reader("s").iter_batches(batch_size=_BATCH_ROWS, row_groups=[index], columns=self._paths)
        for batch in batches:
            for leaf in (leaf for column in batch.columns for leaf in leaves(column)):
                ends = pc.min_max(leaf.cast(pa.int64()))
                furthest = max(furthest, *(abs(end.as_py() or 0) for end in ends.values()))
        return furthest

    def _reader(self, unit: str) -> pq.ParquetFile:
        if unit not in self._readers:
            self._readers[unit] = self._reopen(unit)
        return self._readers[unit]
