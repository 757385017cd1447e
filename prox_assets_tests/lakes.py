"""Where a test's lake is: in a folder or, under `pytest --lakes s3`, in a bucket of a real S3 server on loopback.

What holds for a folder holds for an object store: tests make their lakes with `lake_at`, and those that look at or
damage a lake's files by path say so with the mark `local_lake`.
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import ADDED_COLUMNS, RENAMED_COLUMNS, Table

_BUCKET = "tests"
_LAKES = "PROX_TEST_LAKES"


def lake_at(folder: Path) -> Lake:
    """Return the lake of a folder of the test's own, wherever lakes are in this run of the tests."""
    return Lake(f"{os.environ.get(_LAKES, '')}{folder}")


@pytest.fixture(autouse=True)
def lakes_where_they_are_wanted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lead `lake_at` to the object store where that is wanted."""
    if request.config.getoption("--lakes") == "local":
        yield
        return
    if request.node.get_closest_marker("local_lake"):
        pytest.skip("looks at a lake's files by path")
    endpoint = request.getfixturevalue("s3_endpoint")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv(_LAKES, f"s3://{_BUCKET}")
    client = boto3.client("s3")
    if _BUCKET not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=_BUCKET)
    yield


@dataclass(frozen=True)
class LakeFile:
    """A file of a lake, wherever that is, with the names of pathlib.

    Attributes:
        lake: The lake.
        path: Relative to it.
    """

    lake: Lake
    path: str

    def __str__(self) -> str:
        return self.lake.storage.uri(self.path)

    def read_bytes(self) -> bytes:
        """Return what is in it."""
        data = self.lake.storage.read_bytes(self.path)
        assert data is not None, f"{self} is not there"
        return data

    def write_bytes(self, data: bytes) -> None:
        """Put something else in its place."""
        self.lake.storage.write_bytes(self.path, data)

    def unlink(self) -> None:
        """Remove it."""
        self.lake.storage.remove(self.path)

    def read_table(self) -> pa.Table:
        """Return its rows, with all that its footer says."""
        data = self.read_bytes()
        return pq.read_table(io.BytesIO(data)).replace_schema_metadata(pq.read_metadata(io.BytesIO(data)).metadata)

    def write_table(self, table: pa.Table) -> None:
        """Put a table in its place as it is."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        self.write_bytes(buffer.getvalue())


def table_file(lake: Lake, corpus: str, table: Table, shard: str) -> LakeFile:
    """Return a table's file of a shard."""
    return LakeFile(lake, lake.table_path(corpus, table, shard))


def as_an_earlier_release_executed_it(lake: Lake, corpus: str, shard: str) -> None:
    """Take away the table that an earlier release did not write."""
    table_file(lake, corpus, Table.CHUNK_OUTCOMES, shard).unlink()


def as_an_earlier_release_wrote_it(file: LakeFile, table: Table) -> None:
    """Take the added columns out of a file, and give the renamed ones their old names; its footer stays."""
    old = file.read_table()
    footer = old.schema.metadata
    old = old.drop_columns([name for name in ADDED_COLUMNS[table] if name in old.schema.names])
    old = old.rename_columns([RENAMED_COLUMNS.get(table, {}).get(name, name) for name in old.schema.names])
    file.write_table(old.replace_schema_metadata(footer))


def files_of(lake: Lake) -> dict[str, bytes]:
    """Return every file of a lake by its path relative to it."""
    storage = lake.storage
    storage.fs.invalidate_cache()
    paths = (path.removeprefix(f"{storage.root}/") for path in storage.fs.find(storage.root))
    return {path: LakeFile(lake, path).read_bytes() for path in paths}
