"""What files a corpus has: globs and folders expanded on any file system, strictly.

fsspec's own `find` and `glob` leave out folders they fail to list. A corpus that silently lacks a folder is worse than
an error, so the walk here is written on `ls` and lets every failure through.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.filesystems import filesystem_for, full_url, source_errors
from prox_assets.corpora.formats import container_from_name
from prox_assets.corpora.source import CorpusSource

_MAGIC = "*?["
_ENTRY = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A raw file.

    Attributes:
        url: Where it lies.
        source_file: Path relative to the glob root: the last folder before the first wildcard, a named folder, or
            the folder of a named file.
        size: Bytes.
        version: The store's content tag, or the time of the last change; None where the store tells neither.
    """

    url: str
    source_file: str
    size: int | None
    version: str | None


def list_files(source: CorpusSource) -> list[ListedFile]:
    """Return the raw files of a corpus: in the order of its URLs, and by path within each.

    A named folder gives the files below it whose suffix is a known format's, without those in or behind a name that
    starts with "." or "_" (what writers leave behind); a glob gives what it matches, without names that start with
    ".". A file that several URLs match counts once, for the first of them.

    Raises:
        SourceUnavailableError: A folder could not be listed.
        CorpusError: A URL matches nothing, or two files have the same path relative to their roots.
    """
    files: dict[str, ListedFile] = {}
    for url in source.urls:
        filesystem, path = filesystem_for(source, url)
        with source_errors("list", url):
            # File systems are shared within a process and remember listings; a sensor wants the present.
            filesystem.invalidate_cache()
            found = sorted(_expand_url(filesystem, path), key=lambda entry: entry[1])
        if not found:
            message = (
                f"{url} of corpus {source.name!r} matches no file. Correct the URL (a folder needs files that end in "
                ".json, .jsonl or .ndjson, plain or .gz or .zst, or .parquet)."
            )
            raise CorpusError(message)
        for entry, source_file in found:
            listed = ListedFile(full_url(filesystem, entry["name"]), source_file, entry.get("size"), _version(entry))
            files.setdefault(listed.url, listed)
    _check_distinct(files.values(), source)
    return list(files.values())


def file_state(source: CorpusSource, url: str) -> tuple[int | None, str | None]:
    """Return size and version (see ListedFile) of one file as it is now.

    Raises:
        SourceUnavailableError: It is gone, or its place does not answer.
    """
    filesystem, path = filesystem_for(source, url)
    with source_errors("look up", url):
        filesystem.invalidate_cache()
        entry = filesystem.info(path)
    return entry.get("size"), _version(entry)


def _check_distinct(files: Iterable[ListedFile], source: CorpusSource) -> None:
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(file.source_file, file.url)
        if other != file.url:
            message = (
                f"two files of corpus {source.name!r} are both {file.source_file!r} relative to their URL's root: "
                f"{other} and {file.url}. Document ids are made from that path: name a folder above both in one URL "
                "(a/**/*.jsonl), or make them two corpora."
            )
            raise CorpusError(message)


def _expand_url(filesystem: fsspec.AbstractFileSystem, path: str) -> Iterator[tuple[_ENTRY, str]]:
    """Yield (entry, path relative to the glob root) of the files that a path, folder or glob names."""
    entry = _info(filesystem, path)
    if entry is not None and entry["type"] != "directory":
        yield entry, path.rsplit("/", 1)[-1]
    elif entry is not None:
        for file, parts in _walk(filesystem, path, ("**", "*"), frozenset()):
            hidden = any(part.startswith((".", "_")) for part in parts)
            if not hidden and container_from_name(parts[-1]) is not None:
                yield file, "/".join(parts)
    elif any(character in path for character in _MAGIC):
        segments = path.split("/")
        first = next(i for i, segment in enumerate(segments) if any(c in segment for c in _MAGIC))
        root = "/".join(segments[:first]) or filesystem.root_marker
        for file, parts in _walk(filesystem, root, tuple(segments[first:]), frozenset()):
            if not any(part.startswith(".") for part in parts):
                yield file, "/".join(parts)


def _info(filesystem: fsspec.AbstractFileSystem, path: str) -> _ENTRY | None:
    """Return the entry at a path, or None. Asked before globbing: a file may well have a bracket in its name."""
    try:
        return filesystem.info(path)
    except FileNotFoundError:
        return None


def _walk(
    filesystem: fsspec.AbstractFileSystem, folder: str, pattern: tuple[str, ...], above: frozenset[str]
) -> Iterator[tuple[_ENTRY, tuple[str, ...]]]:
    """Yield (entry, path parts below `folder`) of the files that match the pattern, segment by segment.

    `above` holds the real places of the folders walked through: links may lead in circles.
    """
    place = os.path.realpath(folder) if isinstance(filesystem, LocalFileSystem) else folder
    if place in above:
        return
    for entry, name in _entries(filesystem, folder):
        is_folder = entry["type"] == "directory"
        for below in _patterns_below(pattern, name):
            if not below and not is_folder:
                yield entry, (name,)
            elif below and is_folder:
                for file, parts in _walk(filesystem, entry["name"], below, above | {place}):
                    yield file, (name, *parts)


def _patterns_below(pattern: tuple[str, ...], name: str) -> list[tuple[str, ...]]:
    """Return what must match below an entry of that name; an empty pattern means that the entry itself matches."""
    head, *rest = pattern
    if head == "**":
        return [pattern, *_patterns_below(tuple(rest or ["*"]), name)]
    return [tuple(rest)] if fnmatchcase(name, head) else []


def _entries(filesystem: fsspec.AbstractFileSystem, folder: str) -> Iterator[tuple[_ENTRY, str]]:
    """Yield (entry, name) of what is in a folder, links followed."""
    for listed in filesystem.ls(folder, detail=True):
        path = listed["name"].rstrip("/")
        # Object stores list a folder's own marker object among its contents.
        if path == folder.rstrip("/"):
            continue
        entry = filesystem.info(path) if listed.get("islink") else listed
        yield {**entry, "name": path}, path.rsplit("/", 1)[-1]


def _version(entry: _ENTRY) -> str | None:
    lfs = entry.get("lfs")
    content = entry.get("ETag") or entry.get("etag") or (lfs or {}).get("sha256") or entry.get("blob_id")
    if content:
        return str(content).strip('"')
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("last_modified")
    if changed is None:
        return None
    return f"modified {changed.isoformat() if isinstance(changed, datetime) else repr(changed)}"
