"""Identities: short hashes that tell whether a file was made with this configuration from these inputs."""

from typing import Any

import xxhash

from prox_assets.programs.canonical_json import canonical_json


def fingerprint(value: Any) -> str:  # noqa: ANN401 - anything JSON can write
    """Return 16 hex digits that change exactly when a JSON-like value changes (key order does not count)."""
    return xxhash.xxh3_64_hexdigest(canonical_json(value))


def source_version(size: int | None, etag: str | None) -> str:
    """Return the version of a source file: its size in bytes, and its etag or modification time."""
    return f"{size}/{etag}"
