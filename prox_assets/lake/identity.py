"""Identities: short hashes that tell whether a file was made with this configuration from these inputs."""

import json
from typing import Any

import xxhash


def fingerprint(value: Any) -> str:  # noqa: ANN401 - anything JSON can write
    """Return a 16-hex-digit hash of a JSON-like value; key order does not matter."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return xxhash.xxh3_64_hexdigest(canonical.encode())
