"""Tables that say what they were made from, so that what is current is not made again."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

_IDENTITY = b"identity"


def stamped(schema: pa.Schema, identity: str) -> pa.Schema:
    """Return a schema that makes a table's file say what it was made from."""
    return schema.with_metadata({_IDENTITY: _digest(identity)})


def is_current(path: Path, identity: str) -> bool:
    """Tell whether there is a file that was made from this."""
    return path.is_file() and (pq.read_schema(path).metadata or {}).get(_IDENTITY) == _digest(identity)


def stamp_of(path: Path) -> bytes:
    """Return what a file was made from, as a digest; b"" without a stamp."""
    return (pq.read_schema(path).metadata or {}).get(_IDENTITY, b"")


def _digest(identity: str) -> bytes:
    return xxhash.xxh3_128_hexdigest(identity.encode()).encode()
