"""Expands globs and folders on any file system, strictly.

fsspec's own `find` and `glob` skip folders that they fail to list. A corpus that silently lacks a folder is worse than
an error, so this walk raises every failure. It matches names before it looks at files, so an editor's dangling lock,
another user's hidden folder or a pipe, none of which belong to a corpus, can never cause an error.
"""

import errno
import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prox_assets.corpora.errors import SourceUnavailableError
from prox_assets.corpora.filesystems import check_regular
from prox_assets.corpora.formats import container_from_name
from prox_assets.corpora.listing.object_pages import has_pages, objects_below

_MAGIC = "*?["
_ENTRY = dict[str, Any]
# Errors for a link whose target does not exist, is circular, or lies below a file.
_LEADS_NOWHERE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR})

LeaveOut = Callable[[fsspec.AbstractFileSystem, str], bool]
"""Tells whether a path, with links resolved, is never part of a corpus."""


class Walk:
    """Finds files below a folder of one file system.

    Attributes:
        filesystem: The file system.
        left_out: Whether `leave_out` caused anything to be skipped.
    """

    def __init__(self, filesystem: fsspec.AbstractFileSystem, leave_out: LeaveOut | None) -> None:
        self.filesystem = filesystem
        self.left_out = False
        self._leave_out = leave_out
        self._is_local = isinstance(filesystem, LocalFileSystem)

    def expand(self, path: str) -> Iterator[tuple[_ENTRY, str]]:
        """Yield (entry, path relative to the glob root) of the files that a path, folder or glob names."""
        entry = self.info(path)
        if entry is not None and entry["type"] != "directory":
            check_regular(self.filesystem, path, path)
            if not self.is_left_out(path, is_link=True):
                yield entry, path.rsplit("/", 1)[-1]
        elif entry is not None:
            yield from self.files(path, ("**", "*"), (".", "_"), lambda name: container_from_name(name) is not None)
        elif any(character in path for character in _MAGIC):
            segments = path.split("/")
            first = next(i for i, segment in enumerate(segments) if any(c in segment for c in _MAGIC))
            root = "/".join(segments[:first]) or self.filesystem.root_marker
            yield from self.files(root, tuple(segments[first:]), (".",), lambda _: True)

    def info(self, path: str) -> _ENTRY | None:
        """Return the entry at a path, or None; called before globbing, since a file name may contain a bracket."""
        try:
            return self.filesystem.info(path)
        except OSError as error:
            if self._is_local and error.errno in _LEADS_NOWHERE and Path(path).is_symlink():
                raise _dangling(path) from error
            if isinstance(error, FileNotFoundError):
                return None
            raise

    def is_left_out(self, path: str, *, is_link: bool) -> bool:
        """Tell whether to skip a file or folder."""
        if self._leave_out is None:
            return False
        place = os.path.realpath(path) if is_link and self._is_local else path
        if not self._leave_out(self.filesystem, place):
            return False
        self.left_out = True
        return True

    def files(
        self, root: str, pattern: tuple[str, ...], hidden: tuple[str, ...], accepts: Callable[[str], bool]
    ) -> Iterator[tuple[_ENTRY, str]]:
        """Yield (entry, path below `root`) of the files that match, following links.

        Args:
            root: A folder.
            pattern: Globs, one for each folder on the way and one for the file; `**` stands for any number of folders.
            hidden: Prefixes of names to skip, whatever the pattern says.
            accepts: Tells whether a file of that name is wanted.
        """
        if has_pages(self.filesystem, root):
            yield from self._objects(root, pattern, hidden, accepts)
            return
        for entry, parts in self._below(root, pattern, hidden, accepts, frozenset()):
            yield entry, "/".join(parts)

    def _objects(
        self, root: str, pattern: tuple[str, ...], hidden: tuple[str, ...], accepts: Callable[[str], bool]
    ) -> Iterator[tuple[_ENTRY, str]]:
        def below(upper: tuple[str, ...], name: str) -> list[tuple[str, ...]]:
            return [] if name.startswith(hidden) else _patterns_below(upper, name)

        def enters(folder: str) -> bool:
            return not self.is_left_out(folder, is_link=False)

        for entry, path in objects_below(self.filesystem, root, pattern, below, enters):
            if accepts(path.rpartition("/")[2]) and not self.is_left_out(entry["name"], is_link=False):
                yield entry, path

    def _below(
        self,
        folder: str,
        pattern: tuple[str, ...],
        hidden: tuple[str, ...],
        accepts: Callable[[str], bool],
        above: frozenset[str],
    ) -> Iterator[tuple[_ENTRY, tuple[str, ...]]]:
        """Walk a folder; `above` holds the real paths of its parents, because links may form cycles."""
        place = os.path.realpath(folder) if self._is_local else folder
        if place in above:
            return
        for name, listed in self._names(folder):
            patterns = [] if name.startswith(hidden) else _patterns_below(pattern, name)
            deeper = [below for below in patterns if below]
            is_wanted = len(deeper) < len(patterns) and accepts(name)
            if not is_wanted and not deeper:
                continue
            path = f"{folder.rstrip('/')}/{name}"
            entry = self._entry(path, listed, is_wanted)
            if entry is None or self.is_left_out(f"{place.rstrip('/')}/{name}", is_link=bool(entry.get("islink"))):
                continue
            if entry["type"] == "directory":
                for below in deeper:
                    for file, parts in self._below(path, below, hidden, accepts, above | {place}):
                        yield file, (name, *parts)
            elif is_wanted:
                yield entry, (name,)

    def _names(self, folder: str) -> Iterator[tuple[str, _ENTRY | None]]:
        """Yield the name of each entry in a folder, with its details if the listing includes them."""
        if self._is_local:
            # fsspec's `ls` looks up each entry, and fails if one look-up fails.
            with os.scandir(folder) as entries:
                yield from ((entry.name, None) for entry in entries)
            return
        for listed in self.filesystem.ls(folder, detail=True):
            path = listed["name"].rstrip("/")
            # Object stores list a folder's own marker object among its contents.
            if path != folder.rstrip("/"):
                yield path.rsplit("/", 1)[-1], {**listed, "name": path}

    def _entry(self, path: str, listed: _ENTRY | None, is_wanted: bool) -> _ENTRY | None:
        """Return a file or folder, or None if the name refers to neither."""
        if listed is not None:
            return listed
        try:
            entry = self.filesystem.info(path)
        except OSError as error:
            if error.errno not in _LEADS_NOWHERE:
                raise
            if is_wanted and Path(path).is_symlink():
                raise _dangling(path) from error
            # A dangling link is not a folder either; and an entry that was not a link has gone since the listing.
            return None
        return entry if entry["type"] in ("file", "directory") else None


def _dangling(path: str) -> SourceUnavailableError:
    target = str(Path(path).readlink())
    return SourceUnavailableError(
        f"{shown(path)} is a link that leads nowhere, to {shown(target)}. Restore its target, remove the link, or "
        "leave it out of `urls`."
    )


def _patterns_below(pattern: tuple[str, ...], name: str) -> list[tuple[str, ...]]:
    """Return the patterns for entries below an entry of that name; an empty one means that the entry itself matches."""
    head, *rest = pattern
    if head == "**":
        return [pattern, *_patterns_below(tuple(rest or ["*"]), name)]
    return [tuple(rest)] if fnmatchcase(name, head) else []


def shown(path: str) -> str:
    """Return a path with non-UTF-8 bytes escaped, so that any terminal or log can show it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
