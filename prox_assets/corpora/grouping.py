"""Which files share a shard: decided once for a file, and then never again.

Files are taken in the order of the listing. A shard is full when it has at least the wanted size, so there are never
more shards than their sizes make; it holds files below one folder or glob root only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import numpy as np
import numpy.typing as npt
import xxhash

from prox_assets.corpora.listing.raw_files import RawFile, RawFiles, digests
from prox_assets.corpora.shard import Shard
from prox_assets.corpora.source import CorpusSource

MAX_SHARDS = 5_000
"""More partitions than this slow down Dagster's pages and its daemon."""

_WANTED_SHARDS = 4_000  # leaves room for what arrives later
_MIB = 1 << 20
# A few minutes of a GPU: 64 MiB of compressed text are about 50 million tokens.
_SMALLEST_SHARD = 64 * _MIB
_MATCHED_AT_ONCE = 50_000
# Bounds the record of a shard of tiny files.
_MAX_FILES = 10_000

FilesOf = Callable[[Sequence[str]], Iterable[tuple[str, Sequence[RawFile]]]]
"""Given keys of shards of many files, returns each with its files, from the lake."""


def suggested_bytes(total_bytes: int) -> int:
    """Return the size of a shard with which that much makes about 4,000 shards, in whole MiB."""
    return max(_SMALLEST_SHARD, -(-total_bytes // _WANTED_SHARDS // _MIB) * _MIB)


def shard_bytes(source: CorpusSource, files: RawFiles, known: Mapping[str, Shard]) -> int | None:
    """Return how large shards of new files are to be; None if each file is one.

    Without a setting, new files share shards once the corpus has too many files, and ever after.
    """
    if source.shard_bytes is not None or source.rows_per_shard is not None:
        return source.shard_bytes
    shares = len(files) > MAX_SHARDS or any(shard.has_many_files for shard in known.values())
    return suggested_bytes(files.total_bytes) if shares else None


def groups(files: Iterable[tuple[int, RawFile]], size: int) -> Iterator[list[int]]:
    """Yield the positions of the files of one shard after another.

    Args:
        files: Each file's position in the listing, and the file.
        size: Wanted size of a shard in bytes; a file of unknown size counts as empty.
    """
    held, held_bytes, root = [], 0, None
    for position, file in files:
        if held and (held_bytes >= size or file.root != root or len(held) == _MAX_FILES):
            yield held
            held, held_bytes = [], 0
        held.append(position)
        held_bytes += file.size or 0
        root = file.root
    if held:
        yield held


@dataclass(frozen=True)
class Placed:
    """What a listing has of the shards of many files that the lake knows.

    Attributes:
        shards: Those of which the listing has at least one file, each with the position of its first file. A shard
            comes with its files if something about them is new.
        rest: Positions of the files that are in none of them.
    """

    shards: list[tuple[int, Shard]]
    rest: Sequence[int]


def place_known(
    files: RawFiles, known: Mapping[str, Shard], files_of: FilesOf, missing_since: datetime | None
) -> Placed:
    """Find the listed files that are in shards already; 40 bytes a file are all that is kept of those shards.

    Args:
        files: The listing.
        known: Shards of many files by key, without their files.
        files_of: Loads the files.
        missing_since: Noted for files that the listing lacks; None if nothing follows from a file's absence.
    """
    if not known:
        return Placed([], range(len(files)))
    index = _Index.of(files_of(sorted(known)))
    entry_of = np.empty(len(files), np.int32)
    seen = np.zeros(len(index.owners), bool)
    is_new = np.zeros(len(index.owners), bool)
    for start in range(0, len(files), _MATCHED_AT_ONCE):
        part = files[start : start + _MATCHED_AT_ONCE]
        entries = index.find(digests(file.source_file for file in part))
        entry_of[start : start + len(part)] = entries
        found = entries[entries >= 0]
        seen[found] = True
        is_new[found] = index.versions[found] != _version_hashes(part)[entries >= 0]
    listed = np.flatnonzero(entry_of >= 0)
    entries = entry_of[listed]
    is_new |= index.gone & seen if missing_since is None else index.gone == seen
    first = np.full(len(index.keys), len(files), np.int64)
    np.minimum.at(first, index.owners[entries], listed)
    is_here = first < len(files)
    touched = np.unique(index.owners[is_new & is_here[index.owners]])
    positions = {files[place].source_file: place for place in listed[np.isin(index.owners[entries], touched)].tolist()}
    renewed = {
        key: [_renewed(file, files, positions, missing_since) for file in held]
        for key, held in files_of([index.keys[owner] for owner in touched])
    }
    shards = []
    for owner in np.flatnonzero(is_here).tolist():
        place, shard = int(first[owner]), known[index.keys[owner]]
        shard = replace(shard, url=files[place].root + shard.source_file, gone_since=None)
        shards.append((place, shard.of_files(renewed[shard.key]) if shard.key in renewed else shard))
    return Placed(shards, np.flatnonzero(entry_of < 0).tolist())


@dataclass(frozen=True)
class _Index:
    """The files of known shards as arrays with one entry a file, sorted by the digest of its path.

    Attributes:
        keys: The shards.
        owners: Each file's shard, as an index into `keys`.
        paths: Digest of its path.
        versions: Hash of its size and version.
        gone: Whether it was missing from the last listing.
    """

    keys: list[str]
    owners: npt.NDArray[np.int32]
    paths: npt.NDArray[np.bytes_]
    versions: npt.NDArray[np.uint64]
    gone: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, shards: Iterable[tuple[str, Sequence[RawFile]]]) -> Self:
        keys, owners, paths, versions, gone = [], [], [], [], []
        for key, files in shards:
            owners.append(np.full(len(files), len(keys), np.int32))
            keys.append(key)
            paths.append(digests(file.source_file for file in files))
            versions.append(_version_hashes(files))
            gone.append(np.fromiter((file.gone_since is not None for file in files), bool, len(files)))
        joined = np.concatenate(paths)
        order = np.argsort(joined).astype(np.int32)
        return cls(keys, *(np.concatenate(parts)[order] for parts in (owners, paths, versions, gone)))

    def find(self, paths: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int32]:
        """Return the entries of files by the digests of their paths, -1 for files that are in no shard."""
        places = np.minimum(np.searchsorted(self.paths, paths), len(self.paths) - 1)
        return np.where(self.paths[places] == paths, places, -1).astype(np.int32)


def _version_hashes(files: Sequence[RawFile]) -> npt.NDArray[np.uint64]:
    hashes = (xxhash.xxh3_64_intdigest(f"{file.size} {file.version}".encode()) for file in files)
    return np.fromiter(hashes, np.uint64, len(files))


def _renewed(file: RawFile, files: RawFiles, positions: Mapping[str, int], missing_since: datetime | None) -> RawFile:
    place = positions.get(file.source_file)
    if place is None:
        return replace(file, gone_since=file.gone_since or missing_since)
    return replace(files[place], first_row=file.first_row)
