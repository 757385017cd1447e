"""Where DuckDB finds a lake's files: it takes every path for a pattern, and some names for more than a name.

Belongs here: patterns that match one file or one folder's files, whatever characters lake, corpus and shard have in
their names. Not here: SQL (sql.py).
"""

import re
import tempfile
from pathlib import Path

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage import glob_literal

# In a pattern DuckDB takes a backslash for a slash, and a bracketed one for neither; it refuses what is no UTF-8. The
# other characters could be escaped, but then it lists every folder above the lake, and would not allow what it confines
# a query to.
_MORE_THAN_A_NAME = re.compile(r"[*?\[\\\ud800-\udfff]")

_links: dict[str, tempfile.TemporaryDirectory[str]] = {}


def duckdb_root(lake: Lake) -> str:
    """Return the folder or URL below which DuckDB finds the lake's files.

    A local lake with a character in its path that DuckDB takes for a pattern is reached through a link with a plain
    name, which lasts as long as this process. A store has no links; there patterns are escaped.
    """
    storage = lake.storage
    if not storage.is_local:
        return storage.fs.unstrip_protocol(storage.root).rstrip("/")
    if not _MORE_THAN_A_NAME.search(storage.root):
        return storage.root
    folder = _links.get(storage.root)
    if folder is None or not Path(folder.name, "lake").is_symlink():  # the system clears away what is old
        folder = tempfile.TemporaryDirectory(prefix="prox-lake-", ignore_cleanup_errors=True)
        Path(folder.name, "lake").symlink_to(storage.root, target_is_directory=True)
        _links[storage.root] = folder
    return f"{folder.name}/lake"


def pattern(lake: Lake, relative: str) -> str:
    """Return a pattern by which DuckDB finds one file or folder of the lake, and no other."""
    lake.storage.path(relative)  # refuses what leaves the lake
    return glob_literal(f"{duckdb_root(lake)}/{relative}")


def lasting_pattern(lake: Lake, relative: str) -> str:
    """Return such a pattern for a local lake's folder that any DuckDB client understands, now and later.

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
