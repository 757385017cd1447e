"""A file of an object store that another run replaces while it is read: an error that says so, and never a mix."""

import pytest

from prox_assets.lake.errors import ReplacedTableError
from prox_assets.lake.lake import Lake


def test_the_rest_of_a_file_that_was_replaced_is_not_read_from_its_successor(s3_lake: Lake) -> None:
    s3_lake.storage.write_bytes("web/a.parquet", b"old " * 1000)
    with s3_lake.storage.open("web/a.parquet") as file:
        s3_lake.storage.write_bytes("web/a.parquet", b"new " * 1000)
        with pytest.raises(ReplacedTableError, match="was replaced by another run while it was read"):
            file.read()

    assert s3_lake.storage.read_bytes("web/a.parquet") == b"new " * 1000
