"""Tables whose rows are in the order of positions, read a range at a time."""

from pathlib import Path
from typing import cast

import polars as pl
import pyarrow.parquet as pq

from prox_assets.lake.table_files import value_range


class PositionedTable:
    """A Parquet file with a column `position`, in its order; the footer is read once.

    A lazy frame would read it for every range, and a proof of some thousand shards asks for each of them.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        groups = (self._file.metadata.row_group(number) for number in range(self._file.num_row_groups))
        self._ranges = [value_range(group, "position") or (0, -1) for group in groups]

    def rows(self, start: int, stop: int) -> pl.DataFrame:
        """Return the rows of the positions [start, stop)."""
        wanted = [number for number, (first, last) in enumerate(self._ranges) if first < stop and last >= start]
        rows = cast("pl.DataFrame", pl.from_arrow(self._file.read_row_groups(wanted)))
        return rows.filter(pl.col("position").is_between(start, stop - 1))
