"""A lazy polars frame over a table's files in an object store.

All bytes come through the lake's own storage, so a scan fails with the same messages as every other read. We do not use
polars' client for object stores: it takes other credentials, endpoints and timeouts than the rest of the lake, and if
another run replaces a file after its footer was read, it goes on reading rows from the new file.

This module decides how far to read ahead; open_table.py fetches the row groups and columns.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice

import polars as pl
from polars.io.plugins import register_io_source

# Up to this many files are started at once, to hide the store's latency. Each holds its first row group in memory, a
# few MiB at most (ROW_GROUP_BYTES). A scan starts with one file, which is enough for a query that needs a few rows.
FILES_AT_A_TIME = 8


def store_scan(
    frames: Callable[[str, Sequence[str], pl.Expr | None], Iterator[pl.DataFrame]],
    shards: Sequence[str],
    schema: pl.Schema,
) -> pl.LazyFrame:
    """Return a lazy frame over the files of some shards; they are opened when it is collected.

    A collect fetches only the wanted columns, the filter's columns first. It stops at the file that holds the last row
    asked for, apart from files that are already being fetched.

    Args:
        frames: Yields the rows of a shard, given the columns to return and the condition on the rows, if any. `collect`
            raises what it raises.
        shards: The shards, in the order of their rows.
        schema: The table's columns.
    """

    def rows(
        wanted: list[str] | None, predicate: pl.Expr | None, limit: int | None, _batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        # A query that only counts rows wants no columns.
        names = schema.names() if wanted is None else wanted or schema.names()[:1]
        if limit is None:
            yield from _read_ahead(frames(shard, names, predicate) for shard in shards)
            return
        # polars applies the limit before the filter.
        with closing(_read_ahead(frames(shard, names, None) for shard in shards)) as unfiltered:
            for frame in unfiltered:
                head = frame.head(limit)
                yield head if predicate is None else head.filter(predicate)
                limit -= head.height
                if limit == 0:
                    return

    return register_io_source(rows, schema=schema)


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
