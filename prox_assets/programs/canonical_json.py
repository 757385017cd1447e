"""One spelling for each JSON-like value, so that equal values have equal hashes."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - anything JSON can write
    """Return a value as UTF-8 JSON without spaces, its keys in order."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def settings_fingerprint(settings: Any) -> str:  # noqa: ANN401
    """Return 32 hex digits of the SHA-256 of settings; they change exactly when a value changes."""
    return hashlib.sha256(canonical_json(settings)).hexdigest()[:32]
