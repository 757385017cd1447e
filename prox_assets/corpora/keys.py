"""Shard keys: unique names that serve as Dagster partition keys and as file names."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import xxhash

# Leaves room for a row range, an extension and a temporary file's marks within the 255 bytes of a file name.
_MAX_STEM = 150
_SAFE_CHARACTERS = re.compile(r"[A-Za-z0-9._-]+")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED_STARTS = ("_", ".", "-")
_HASH_SUFFIX = re.compile(r"-[0-9a-f]{16}$")
# What a key leaves out: .jsonl.gz is two extensions, and the lake's files would end in .parquet.parquet.
_DOUBLED_EXTENSION = re.compile(r"(?<=[^/])(\.(json|jsonl|ndjson)\.(gz|gzip|zst|zstd)|\.(parquet|pq))$", re.IGNORECASE)


def shard_stems(source_files: Iterable[str], recorded: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the key of each file's shards without a row range (`with_rows`) or a number of files (`of_many`), by file.

    A file that is recorded keeps its key, so new files never change old keys. Any other file's key is its path without
    a doubled extension; with it where two files would share a key, or where the corpus was begun by a release that kept
    it; else a readable name plus a hash of the whole path.

    Args:
        source_files: Paths relative to the corpus's glob root.
        recorded: The keys that the lake has, without row ranges and numbers of files, by (first) file.
    """
    recorded = recorded or {}
    files = dict.fromkeys(source_files)
    new = [file for file in files if file not in recorded]
    with_extensions = _keeps_extensions(recorded)
    wanted = {file: [_key(file)] if with_extensions else [_key(_bare(file), file), _key(file)] for file in new}
    claims = Counter(key for keys in wanted.values() for key in set(keys))
    claims.update(recorded.values())
    stems = {file: recorded[file] for file in files if file in recorded}
    for file, keys in wanted.items():
        free = (key for key in keys if claims[key] == 1)
        stems[file] = next(free, _hashed(_bare(file), file))
    return stems


def with_rows(stem: str, row_start: int | None, row_end: int | None) -> str:
    """Return a shard's key: the stem, and for a row range an `@`, which no stem holds, with the range [start, end)."""
    return stem if row_start is None else f"{stem}@{row_start}-{row_end}"


def of_many(stem: str, files: int) -> str:
    """Return the key of a shard of many files: the stem of the first, a `~`, which no stem holds, and their number."""
    return f"{stem}~{files}"


def is_of_many(key: str) -> bool:
    """Tell whether a key is that of a shard of many files."""
    return "~" in key


def stem_of(key: str) -> str:
    """Return a shard's key without its row range or its number of files."""
    return key.partition("@")[0].partition("~")[0]


def _keeps_extensions(recorded: Mapping[str, str]) -> bool:
    """Tell whether keys were recorded by a release that left extensions in them."""
    telling = [(stem, _key(_bare(file), file)) for file, stem in recorded.items() if _bare(file) != file]
    return bool(telling) and all(stem != short for stem, short in telling)


def _bare(source_file: str) -> str:
    return _DOUBLED_EXTENSION.sub("", source_file)


def _key(path: str, source_file: str | None = None) -> str:
    """Return a path's key.

    A safe path is its own key. Any other path becomes a readable name plus a hash of the whole path. So does a safe
    path that already looks as if it ends in a hash, which keeps the two kinds apart.
    """
    return path if _is_its_own_key(path) else _hashed(path, source_file or path)


def _hashed(path: str, source_file: str) -> str:
    digest = xxhash.xxh3_64_hexdigest(source_file.encode("utf-8", "surrogatepass"))
    readable = _UNSAFE_RUN.sub("_", path.replace("/", "__"))
    # Runs of dots are collapsed because Dagster reads "..." as a range of partitions.
    readable = re.sub(r"\.{2,}", ".", readable)
    # A leading "_" or "." means "no corpus data" in the lake and to most readers of folders.
    if readable.startswith(_RESERVED_STARTS):
        readable = f"x{readable}"
    return f"{readable[: _MAX_STEM - 17]}-{digest}"


def _is_its_own_key(path: str) -> bool:
    return (
        _SAFE_CHARACTERS.fullmatch(path) is not None
        and len(path) <= _MAX_STEM
        and ".." not in path
        and not path.startswith(_RESERVED_STARTS)
        and _HASH_SUFFIX.search(path) is None
    )
