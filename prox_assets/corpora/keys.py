"""Shard keys: unique names that serve as Dagster partition keys and as file names."""

import re

import xxhash

# Leaves room for a row range, an extension and a temporary file's marks within the 255 bytes of a file name.
_MAX_STEM = 150
_SAFE_CHARACTERS = re.compile(r"[A-Za-z0-9._-]+")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED_STARTS = ("_", ".", "-")
_HASH_SUFFIX = re.compile(r"-[0-9a-f]{16}$")


def shard_key(source_file: str, row_start: int | None = None, row_end: int | None = None) -> str:
    """Return the key of a shard; it depends only on the file's place, so new files never change old keys.

    A safe path is its own key. Any other path becomes a readable name plus a hash of the whole path. So does a safe
    path that already looks as if it ends in a hash, which keeps the two kinds apart. A row range follows an `@`, a
    character that never remains in a path.

    Args:
        source_file: Path relative to the corpus's glob root.
        row_start: First row of a row-range shard.
        row_end: Row after the last one.
    """
    stem = source_file
    if not _is_its_own_key(source_file):
        digest = xxhash.xxh3_64_hexdigest(source_file.encode("utf-8", "surrogatepass"))
        readable = _UNSAFE_RUN.sub("_", source_file.replace("/", "__"))
        # Runs of dots are collapsed because Dagster reads "..." as a range of partitions.
        readable = re.sub(r"\.{2,}", ".", readable)
        # A leading "_" or "." means "no corpus data" in the lake and to most readers of folders.
        if readable.startswith(_RESERVED_STARTS):
            readable = f"x{readable}"
        stem = f"{readable[: _MAX_STEM - 17]}-{digest}"
    return stem if row_start is None else f"{stem}@{row_start}-{row_end}"


def _is_its_own_key(source_file: str) -> bool:
    return (
        _SAFE_CHARACTERS.fullmatch(source_file) is not None
        and len(source_file) <= _MAX_STEM
        and ".." not in source_file
        and not source_file.startswith(_RESERVED_STARTS)
        and _HASH_SUFFIX.search(source_file) is None
    )
