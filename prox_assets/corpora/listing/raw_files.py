"""Raw files as a listing returns them, held as Arrow columns: a million files take about 120 MB."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

_BATCH = 10_000
_SCHEMA = pa.schema(
    [
        # The URL up to `source_file`: the same for thousands of files, so it is stored once.
        ("root", pa.dictionary(pa.int32(), pa.string())),
        # 64-bit offsets: the paths of a large corpus pass the 2 GiB of pa.string().
        ("source_file", pa.large_string()),
        ("size", pa.int64()),
        ("version", pa.large_string()),
    ]
)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file.

    Attributes:
        url: Its URL; ends with `source_file`.
        source_file: Path relative to the glob root: the last folder before the first wildcard, a named folder, or
            the folder of a named file.
        size: Size in bytes.
        version: The store's content tag, or the time of the last change; None if the store has neither.
        first_row: Of a file that shares a shard: the number of rows before it in the shard, None until read.
        gone_since: Of a file that shares a shard: when a listing first missed it; None while the source has it.
    """

    url: str
    source_file: str
    size: int | None
    version: str | None
    first_row: int | None = None
    gone_since: datetime | None = None

    @property
    def root(self) -> str:
        """The URL up to `source_file`."""
        return self.url.removesuffix(self.source_file)


class RawFiles(Sequence[RawFile]):
    """A sequence of raw files in little memory; a slice of it copies nothing."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @classmethod
    def collect(cls, files: Iterable[RawFile]) -> "RawFiles":
        """Take files one by one, so that the whole listing never exists as Python objects."""
        files = iter(files)
        batches = []
        while batch := list(islice(files, _BATCH)):
            columns = {
                "root": [file.root for file in batch],
                "source_file": [file.source_file for file in batch],
                "size": [file.size for file in batch],
                "version": [file.version for file in batch],
            }
            arrays = [pa.array(columns[field.name], field.type) for field in _SCHEMA]
            batches.append(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
        return cls(pa.Table.from_batches(batches, _SCHEMA))

    @classmethod
    def concatenate(cls, parts: Sequence["RawFiles"]) -> "RawFiles":
        """Return the files of all parts, in order."""
        return parts[0] if len(parts) == 1 else cls(pa.concat_tables([part._table for part in parts]))

    @overload
    def __getitem__(self, index: int) -> RawFile: ...
    @overload
    def __getitem__(self, index: slice) -> "RawFiles": ...
    def __getitem__(self, index: int | slice) -> "RawFile | RawFiles":
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return RawFiles(self._table.slice(start, stop - start))
        return next(iter(RawFiles(self._table.slice(range(len(self))[index], 1))))

    def __len__(self) -> int:
        return self._table.num_rows

    def __iter__(self) -> Iterator[RawFile]:
        for batch in self._table.to_batches(max_chunksize=_BATCH):
            columns = [batch.column(name).to_pylist() for name in ("root", "source_file", "size", "version")]
            for root, source_file, size, version in zip(*columns, strict=True):
                yield RawFile(root + source_file, source_file, size, version)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files; files of unknown size count as empty."""
        sizes = (batch.column("size") for batch in self._table.to_batches())
        return sum(int(np.nansum(size.to_numpy(zero_copy_only=False))) for size in sizes)

    def take(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> "RawFiles":
        """Return the files at the given positions."""
        if len(indices) and indices[-1] - indices[0] + 1 == len(indices):
            return self[int(indices[0]) : int(indices[-1]) + 1]
        return RawFiles(self._table.take(pa.array(indices, pa.int64())))

    def sorted(self) -> "RawFiles":
        """Return the files by path; stores list them in this order already."""
        paths = self._table["source_file"]
        in_order = pc.all(pc.less_equal(paths[:-1], paths[1:]))  # pyright: ignore[reportAttributeAccessIssue] - generated at import
        if in_order.as_py() is not False:
            return self
        return RawFiles(self._table.sort_by("source_file"))


def digests(texts: Iterable[str]) -> npt.NDArray[np.bytes_]:
    """Return 128-bit hashes: 16 bytes a path instead of 150, and no two of a billion alike."""
    hashes = (xxhash.xxh3_128_digest(text.encode()) for text in texts)
    # Joined in parts, because bytes.join makes a list of what it joins.
    parts = iter(lambda: b"".join(islice(hashes, _BATCH)), b"")
    return np.frombuffer(bytearray().join(parts), "S16")
