"""Lists an S3 store page by page: a thousand objects a request, and one page in memory.

s3fs lists a folder into a dictionary of 550 bytes an object, and a glob folder by folder: RedPajama-V2 has 420,000
folders, each a request of its own. One listing without a delimiter is 1,000 times fewer requests.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import fsspec

_MAGIC = "*?["
# Keys come in order, so that a folder is done soon after it was met.
_REMEMBERED_FOLDERS = 10_000
PatternsBelow = Callable[[tuple[str, ...], str], list[tuple[str, ...]]]


def has_pages(filesystem: fsspec.AbstractFileSystem, root: str) -> bool:
    """Tell whether objects below a folder can be listed page by page."""
    return hasattr(filesystem, "call_s3") and not getattr(filesystem, "version_aware", False) and bool(root.strip("/"))


def objects_below(
    filesystem: Any,  # noqa: ANN401 - an s3fs.S3FileSystem, which is imported only where it is used
    root: str,
    pattern: tuple[str, ...],
    patterns_below: PatternsBelow,
    enters: Callable[[str], bool],
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (entry, path below `root`) of the objects whose path matches, in the order of their keys.

    Args:
        filesystem: The store.
        root: A bucket, or a folder in one.
        pattern: Globs, one for each folder on the way and one for the object.
        patterns_below: Given patterns and a name, returns the patterns below an entry of that name.
        enters: Given a folder's path, tells whether to look at what is below.
    """
    bucket, key, _ = filesystem.split_path(root)
    above = f"{key.rstrip('/')}/" if key else ""
    literal = _literal_beginning(pattern[0])
    # With one glob for the object itself, nothing in a deeper folder can match.
    delimiter = {"Delimiter": "/"} if len(pattern) == 1 and pattern[0] != "**" else {}

    @cache
    def patterns_of(folder: str) -> tuple[tuple[str, ...], ...]:
        """Return the patterns for what is in a folder; none if it is not to be entered."""
        if not folder:
            return (pattern,)
        parent, _, name = folder.rpartition("/")
        found = tuple(below for upper in patterns_of(parent) for below in patterns_below(upper, name) if name and below)
        return found if found and enters(f"{root.rstrip('/')}/{folder}") else ()

    for entry in _pages(filesystem, Bucket=bucket, Prefix=above + literal, **delimiter):
        path = entry["Key"][len(above) :]
        folder, _, name = path.rpartition("/")
        if patterns_of.cache_info().currsize > _REMEMBERED_FOLDERS:
            patterns_of.cache_clear()
        # A name ends with "/" if a console made the object to show an empty folder.
        if name and any(() in patterns_below(upper, name) for upper in patterns_of(folder)):
            yield {**entry, "name": f"{bucket}/{entry['Key']}", "size": entry["Size"], "type": "file"}, path


def _literal_beginning(glob: str) -> str:
    place = next((index for index, character in enumerate(glob) if character in _MAGIC), len(glob))
    return glob[:place]


def _pages(filesystem: Any, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    while True:
        page = filesystem.call_s3("list_objects_v2", **request, **filesystem.req_kw)
        yield from page.get("Contents", ())
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]
