"""Shard keys: names that serve as Dagster partition key and as file name, and never collide."""

import re

import xxhash

# A key with its row range, an extension and the marks of a temporary file stays under the 255 bytes of a file name.
_MAX_STEM = 150
_SAFE_CHARACTERS = re.compile(r"[A-Za-z0-9._-]+")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED_STARTS = ("_", ".", "-")
_HASH_SUFFIX = re.compile(r"-[0-9a-f]{16}$")


def shard_key(source_file: str, row_start: int | None = None, row_end: int | None = None) -> str:
    """Return the key of a shard; it depends on nothing but the file's place, so new files never change old keys.

    A path that is safe as it stands is its own key. Any other one is made readable and gets a hash of the whole path;
    so does a safe path that looks as if it already had one, which keeps the two kinds apart. Row ranges follow an
    `@`, which no path keeps.

    Args:
        source_file: Path relative to the corpus's glob root.
        row_start: First row of a row-range shard.
        row_end: Row after its last one.
    """
    stem = source_file
    if not _is_its_own_key(source_file):
        digest = xxhash.xxh3_64_hexdigest(source_file.encode("utf-8", "surrogatepass"))
        readable = _UNSAFE_RUN.sub("_", source_file.replace("/", "__"))
        # Runs of dots go because Dagster reads "..." as a range of partitions.
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
