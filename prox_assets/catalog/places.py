"""Paths of the lake's files for DuckDB, which reads every path as a glob pattern.

The patterns match exactly one file or folder, whatever characters the names of lake, corpus and shard contain.
"""

import re
import tempfile
from pathlib import Path

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import glob_literal

# In a pattern, DuckDB reads a backslash as a slash, and a bracketed backslash as neither; it rejects names that are not
# UTF-8. The other characters could be escaped, but then DuckDB lists every folder above the lake, and rejects the files
# that a guarded query is allowed to read.
_MORE_THAN_A_NAME = re.compile(r"[*?\[\\\ud800-\udfff]")

_links: dict[str, tempfile.TemporaryDirectory[str]] = {}


def duckdb_root(lake: Lake) -> str:
    """Return the folder or URL below which DuckDB finds the lake's files.

    If a local lake's path has a pattern character, DuckDB reaches it through a symbolic link with a plain name, which
    lasts as long as this process. A store has no links, so patterns are escaped there.
    """
    storage = lake.storage
    if not storage.is_local:
        return storage.fs.unstrip_protocol(storage.root).rstrip("/")
    if not _MORE_THAN_A_NAME.search(storage.root):
        return storage.root
    folder = _links.get(storage.root)
    if folder is None or not Path(folder.name, "lake").is_symlink():  # the system cleans up old temporary files
        folder = tempfile.TemporaryDirectory(prefix="prox-lake-", ignore_cleanup_errors=True)
        Path(folder.name, "lake").symlink_to(storage.root, target_is_directory=True)
        _links[storage.root] = folder
    return f"{folder.name}/lake"


def pattern(lake: Lake, relative: str) -> str:
    """Return a DuckDB pattern that matches exactly one file or folder of the lake."""
    lake.storage.path(relative)  # rejects paths that leave the lake
    return glob_literal(f"{duckdb_root(lake)}/{relative}")


def lasting_pattern(lake: Lake, relative: str) -> str:
    """Return a pattern for a local lake's folder that works in any DuckDB client, now and later.

    Raises:
        LakeError: DuckDB has no pattern for the lake's path.
    """
    path = lake.storage.path(relative)
    if re.search(r"[\\\ud800-\udfff]", path):
        raise LakeError(
            f"DuckDB cannot look for files below {path!r}, whose name has a backslash or is no UTF-8: a catalog file "
            "would show nothing. `prox sql` can; or rename the folder."
        )
    return glob_literal(path)
