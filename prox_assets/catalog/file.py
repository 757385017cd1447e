"""The catalog as a file that any DuckDB 2 client opens: `duckdb -readonly catalog.duckdb`.

The catalog of a local lake holds views, which always show the lake's current state. The catalog of an object store
holds copies of the tables at the time of writing, because other clients would need an extension and their own
credentials to read the store.
"""

import os
import uuid
from contextlib import suppress
from pathlib import Path

import duckdb

from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.sql_parts import quoted
from prox_assets.catalog.views import live_views
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

# Texts are most of a lake's bytes, so copying them is opt-in.
TEXT_TABLES = (Table.DOCUMENTS, Table.REFINED)


def write_catalog(lake: Lake, path: Path, *, texts: bool = False) -> Path:
    """Write the catalog's file, replacing an earlier one; a client that has the earlier file open keeps reading it.

    Args:
        lake: The lake.
        path: The local file to write.
        texts: For a lake on an object store, copy documents and refined text too.

    Returns:
        The file.

    Raises:
        LakeError: The file cannot be written.
    """
    path = path.absolute()
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if lake.storage.is_local:
            with duckdb.connect(str(fresh)) as connection:
                for statement in live_views(lake, lake.corpora()):
                    connection.execute(statement)
        else:
            _copy_tables(lake, fresh, texts=texts)
        fresh.replace(path)
    except (OSError, duckdb.IOException) as error:
        raise LakeError(f"cannot write the catalog {path}: {error}") from error
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            with suppress(OSError):  # it does not exist, or its parent is not a folder
                left.unlink()
    return path


def _copy_tables(lake: Lake, path: Path, *, texts: bool) -> None:
    with open_catalog(lake) as connection:
        names = [
            name for [name] in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        ]
        connection.execute(f"ATTACH {quoted(str(path))} AS file")
        for name in names:
            if texts or name not in TEXT_TABLES:
                connection.execute(f"CREATE TABLE file.{name} AS FROM {name}")
        connection.execute("DETACH file")
