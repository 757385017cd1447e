"""Which raw files a corpus has, in order and each once."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.filesystems import check_regular, filesystem_for, full_url, source_errors
from prox_assets.corpora.listing.raw_files import RawFile, RawFiles, digests
from prox_assets.corpora.listing.walk import LeaveOut, Walk, shown
from prox_assets.corpora.source import CorpusSource


def list_files(source: CorpusSource, leave_out: LeaveOut | None = None) -> RawFiles:
    """Return the raw files of a corpus, in the order of its URLs and by path within each.

    A folder yields the files below it that have a known format's suffix, except files and folders whose names start
    with "." or "_" (leftovers of writers). A glob yields its matches, except names that start with ".". A file that
    several URLs match counts once, for the first of them. Pipes, sockets and devices do not count as files.

    A million objects on S3 take 1,000 requests and 120 MB.

    Args:
        source: The corpus.
        leave_out: Called for every folder and file; those for which it returns True are skipped.

    Raises:
        SourceUnavailableError: A folder could not be listed, or a matching link is dangling.
        CorpusError: A URL matches nothing, or names something other than a regular file; a name is not UTF-8; or two
            files have the same path relative to their roots.
    """
    parts = []
    for url in source.urls:
        filesystem, path = filesystem_for(source, url)
        walk = Walk(filesystem, leave_out)
        with source_errors("list", url):
            # File systems are shared within a process and cache listings; a sensor needs the current state.
            filesystem.invalidate_cache()
            found = RawFiles.collect(_found(walk, path, url)).sorted()
        if not found:
            raise _nothing_found(source, url, walk)
        parts.append(found)
    return _distinct(RawFiles.concatenate(parts), source) if len(parts) > 1 else parts[0]


def file_state(source: CorpusSource, url: str) -> tuple[int | None, str | None]:
    """Return the current size and version (see RawFile) of one file.

    Raises:
        SourceUnavailableError: The file is gone, or its storage does not answer.
    """
    filesystem, path = filesystem_for(source, url)
    with source_errors("look up", url):
        filesystem.invalidate_cache()
        check_regular(filesystem, path, url)
        entry = filesystem.info(path)
    return entry.get("size"), _version(entry)


def _found(walk: Walk, path: str, url: str) -> Iterator[RawFile]:
    for entry, source_file in walk.expand(path):
        _check_name(entry["name"], url)
        yield RawFile(full_url(walk.filesystem, entry["name"]), source_file, entry.get("size"), _version(entry))


def _distinct(files: RawFiles, source: CorpusSource) -> RawFiles:
    """Return the files without those that an earlier URL matched, too; reject two files with one relative path."""
    once = _first_of_each(digests(file.url for file in files))
    files = files if len(once) == len(files) else files.take(once)
    paths = digests(file.source_file for file in files)
    repeated = np.ones(len(files), bool)
    repeated[_first_of_each(paths)] = False
    if repeated.any():
        two = files[int(repeated.argmax())]
        one = next(file for file in files if file.source_file == two.source_file)
        raise CorpusError(
            f"two files of corpus {source.name!r} are both {two.source_file!r} relative to their URL's root: "
            f"{one.url} and {two.url}. Document ids are made from that path: name a folder above both in one URL "
            "(a/**/*.jsonl), or make them two corpora."
        )
    return files


def _first_of_each(values: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
    """Return where each distinct value comes first, in order."""
    _, first = np.unique(values, return_index=True)
    return np.sort(first)


def _nothing_found(source: CorpusSource, url: str, walk: Walk) -> CorpusError:
    if walk.left_out:
        return CorpusError(
            f"{url} of corpus {source.name!r} matches only files of the lake that the results go to. Name the raw "
            "files, or another lake."
        )
    return CorpusError(
        f"{url} of corpus {source.name!r} matches no file. Correct the URL (a folder needs files that end in "
        ".json, .jsonl or .ndjson, plain or .gz or .zst, or .parquet)."
    )


def _check_name(path: str, url: str) -> None:
    """Reject a name that is not UTF-8, which neither the lake nor Dagster could store."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"{url} matches {shown(path)}, a name that is not UTF-8. Rename it, or leave it out of `urls`."
        ) from error


def _version(entry: dict[str, Any]) -> str | None:
    lfs = entry.get("lfs")
    content = entry.get("ETag") or entry.get("etag") or (lfs or {}).get("sha256") or entry.get("blob_id")
    if content:
        return str(content).strip('"')
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("last_modified")
    if changed is None:
        return None
    return f"modified {changed.isoformat() if isinstance(changed, datetime) else repr(changed)}"
