"""Maps URLs to fsspec file systems, and opens files whose failures are reported as errors of the source."""

import importlib.util
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.corpora.source import CorpusSource

_PACKAGE = "package://"


def filesystem_for(source: CorpusSource, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the file system of a URL and the path in it.

    Args:
        source: The corpus; its storage options apply to non-local URLs.
        url: A local path, file://, package://module/path, or any URL that fsspec knows.

    Raises:
        CorpusError: The package or the file system's own package is not installed, or an option is wrong.
    """
    if url.startswith(_PACKAGE):
        url = package_path(url)
    if "://" not in url or url.startswith("file://"):
        local = LocalFileSystem()
        return local, str(local._strip_protocol(url))
    try:
        filesystem, path = fsspec.url_to_fs(url, **source.storage_options)
    except (ImportError, ValueError, TypeError) as error:
        message = f"cannot open {url}: {error}. Install the package it needs, or correct `urls` or `storage_options`."
        raise CorpusError(message) from error
    return filesystem, path


def package_path(url: str) -> str:
    """Return the folder, file or glob that a package://module/path URL names.

    Raises:
        CorpusError: The module does not exist, or is not installed as plain files.
    """
    module, _, path = url.removeprefix(_PACKAGE).partition("/")
    if ".." in path.split("/"):
        raise CorpusError(f"{url} leaves the package {module!r}: name files inside it, or give their path.")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders or not Path(folders[0]).is_dir():
        raise CorpusError(f"{url} names no installed package {module!r} with files of its own: correct the URL.")
    return str(Path(folders[0]) / path)


def full_url(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    """Return the URL of a path; for a local file, the plain absolute path."""
    return path if isinstance(filesystem, LocalFileSystem) else filesystem.unstrip_protocol(path)


def check_regular(filesystem: fsspec.AbstractFileSystem, path: str, url: str) -> None:
    """Reject pipes, sockets and devices, and links to them: opening a pipe may hang, and a device may never end.

    Args:
        filesystem: The file system; object stores have regular files only.
        path: The path in it.
        url: The file's URL, for the error message.

    Raises:
        CorpusError: The path is a pipe, a socket or a device.
        OSError: The path does not exist, or cannot be looked up.
    """
    if not isinstance(filesystem, LocalFileSystem):
        return
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise CorpusError(f"{url} is a pipe, a socket or a device: save its contents as a file, and name that.")


@contextmanager
def source_errors(action: str, url: str) -> Iterator[None]:
    """Turn any error of a storage library into SourceUnavailableError.

    Each storage library has its own exceptions, many of them not OSError. We therefore catch all of them, and put only
    calls into such a library inside the block.
    """
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:
        message = (
            f"cannot {action} {url}: {type(error).__name__}: {error}. Check that it exists, that this machine reaches "
            "it and that the credentials in the environment allow it; then run again."
        )
        raise SourceUnavailableError(message) from error


class SourceFile(io.RawIOBase):
    """A file of a corpus, open for reading; failures raise a SourceUnavailableError that names the file."""

    def __init__(self, source: CorpusSource, url: str) -> None:
        self._url = url
        self._file: Any = None
        filesystem, path = filesystem_for(source, url)
        with source_errors("open", url):
            check_regular(filesystem, path, url)
            self._file = filesystem.open(path, "rb")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes; fewer only at the end of the file."""
        with source_errors("read", self._url):
            return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a byte offset."""
        with source_errors("read", self._url):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the byte offset."""
        return self._file.tell()

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the rest of the file in pieces of `size` bytes."""
        while data := self.read(size):
            yield data

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file is not None and not self.closed:
            self._file.close()
        super().close()
