"""File storage: one class over a local folder or an object store, with atomic publication."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prox_assets.lake.errors import LakeError, ReplacedTableError, RetryableLakeError
from prox_assets.lake.storage.host import boot_name, is_on_network, machine_name, process_is_gone
from prox_assets.lake.storage.store_file import StoreFile

# A local lake keeps unfinished files in this folder, apart from the finished ones, so that every `*.parquet` in a
# table's folder is complete.
TEMPORARY = "_tmp"
PASSWORD_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*:[^/]*@")
SETTLED_NANOSECONDS = 2_000_000_000
# How long an NFS client may go on seeing what it saw before: its default acregmax and acdirmax.
STALE_SECONDS = 60.0
# How a file system says that it has no hard links.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
# Errors of a disk that accepts no more data: full, over quota, read-only, file too large.
_WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


def glob_literal(path: str) -> str:
    """Escape a path so that fsspec and DuckDB, which read paths as glob patterns, match only that path."""
    return re.sub(r"[*?[]", r"[\g<0>]", path)


class Storage:
    """A tree of files under a URL; every path argument is relative to it, with forward slashes.

    Args:
        url: A local folder (created when first written), or any fsspec URL such as s3://bucket/prefix.
        storage_options: Passed to fsspec, e.g. {"client_kwargs": {"endpoint_url": ...}}. Secrets belong in the
            environment.
    """

    def __init__(self, url: str, storage_options: dict[str, Any] | None = None) -> None:
        if PASSWORD_IN_URL.match(url):
            raise LakeError(
                f"a lake's URL that begins with {url.partition('//')[0]}// holds a user name and a password, "
                "which logs and errors would show: put credentials into the environment"
            )
        self.url = url.rstrip("/") or "/"
        self.storage_options = dict(storage_options or {})
        self._is_exclusive = False  # until the store has refused to overwrite a file
        if self.url.endswith(":") and url.startswith(f"{self.url}//"):
            # With its slashes stripped it would name a local folder called "s3:".
            raise LakeError(f"{url} names no bucket or folder: give the lake as {url}BUCKET/PREFIX")
        try:
            self.fs, root = fsspec.url_to_fs(self.url, **self.storage_options)
            self.is_local = isinstance(self.fs, LocalFileSystem)
            self.root = str(Path(root).resolve()) if self.is_local else root.rstrip("/")
            self.is_shared_folder = self.is_local and is_on_network(self.root)
        except (ValueError, ImportError) as error:
            raise LakeError(
                f"{self.url} cannot be a lake: {error}. Name a folder, or a URL whose file system is installed "
                "(s3:// is; gs:// needs prox_assets[gcs])."
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "storage_options": self.storage_options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"], state["storage_options"])

    def path(self, relative: str) -> str:
        """Return the full path (without protocol) for a relative one; reject paths that leave the lake."""
        parts = PurePosixPath(relative).parts
        if not parts or relative.startswith("/") or ".." in parts or "\x00" in relative:
            raise LakeError(f"{relative!r} is not a path inside the lake {self.url}")
        path = f"{self.root}/{relative}"
        if not self.is_local and "?versionId=" in path:
            raise LakeError(f"{path!r} cannot be in a lake on a store: its client drops what follows ?versionId=")
        return path

    def relative(self, fs: fsspec.AbstractFileSystem, path: str) -> str | None:
        """Return a path of any file system relative to this tree: "" for its root, None for a path outside it.

        Args:
            fs: The file system.
            path: A full path in it, without protocol and with links resolved.
        """
        if type(fs) is not type(self.fs) or len({_endpoint(fs), _endpoint(self.fs)} - {None}) > 1:
            return None
        inside = path.rstrip("/") + "/"
        root = self.root.rstrip("/") + "/"
        return inside.removeprefix(root).rstrip("/") if inside.startswith(root) else None

    def uri(self, relative: str) -> str:
        """Return a URL that other tools (polars, DuckDB, a person) can open."""
        return self.path(relative) if self.is_local else self.fs.unstrip_protocol(self.path(relative))

    def exists(self, relative: str) -> bool:
        """Tell whether a file or folder exists now (bypasses any cached listing)."""
        path = self.path(relative)
        self.fs.invalidate_cache()
        with self._errors("look up", path):
            return self.fs.exists(path)

    def list_files(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder, sorted; [] when the folder does not exist."""
        entries = self._entries(self.path(folder))
        return sorted(PurePosixPath(e["name"]).name for e in entries if e["type"] == "file")

    def list_stamps(self, folder: str) -> dict[str, str]:
        """Return a short stamp for each file directly in a folder; the stamp changes whenever the file is replaced."""
        entries = self._entries(self.path(folder))
        return {PurePosixPath(e["name"]).name: _stamp(e) for e in entries if e["type"] == "file"}

    def list_entries(self, folder: str) -> dict[str, dict[str, Any]]:
        """Return what the file system says of the files and folders directly in a folder ("" for all), by name."""
        entries = self._entries(self.path(folder) if folder else self.root)
        return {PurePosixPath(e["name"].rstrip("/")).name: e for e in entries}

    def folder_stamp(self, folder: str) -> str | None:
        """Return a stamp that changes whenever a file is added to a folder or removed; None where it is unknown.

        On a local disk the stamp is the folder's modification time, once it is old enough that no later change can get
        the same time: file system clocks tick every few milliseconds. The cost is the same for one file and a million.
        A folder of another machine has that machine's clock, and may be seen as it was a minute ago: no stamp, then.
        """
        if not self.is_local or self.is_shared_folder:
            return None
        try:
            changed = Path(self.path(folder)).stat().st_mtime_ns
        except OSError:
            return None
        return str(changed) if time.time_ns() - changed > SETTLED_NANOSECONDS else None

    def list_folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly in a folder ("" is the lake itself), sorted."""
        entries = self._entries(self.path(folder) if folder else self.root)
        return sorted(PurePosixPath(e["name"].rstrip("/")).name for e in entries if e["type"] == "directory")

    def _entries(self, path: str) -> list[dict[str, Any]]:
        self.fs.invalidate_cache()
        with self._errors("list", path):
            try:
                return self.fs.ls(path, detail=True)
            except FileNotFoundError:
                return []

    @contextmanager
    def open(self, relative: str) -> Iterator[BinaryIO]:
        """Open a seekable file for reading; a store that stops answering raises RetryableLakeError, as elsewhere.

        From a store it fetches exactly the bytes that are read; by default fsspec would read up to 50 MB ahead.
        """
        path = self.path(relative)
        self.fs.invalidate_cache()
        with self._errors("open", path):
            file = self.fs.open(path, "rb", cache_type="none")
        with file:
            # Without this wrapper, the caller of a Parquet reader mistakes a missing answer for a damaged file.
            watched = StoreFile(file, lambda: self._errors("read", path, missing=True))
            yield file if self.is_local else cast("BinaryIO", watched)

    def read_bytes(self, relative: str) -> bytes | None:
        """Return a small file's bytes, or None when it does not exist."""
        path = self.path(relative)
        with self._errors("read", path):
            try:
                return self.fs.cat_file(path)
            except FileNotFoundError:
                return None

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a small file atomically."""
        with self.new_files([relative]) as [temporary]:
            temporary.write_bytes(data)

    @contextmanager
    def new_files(self, relatives: Sequence[str]) -> Iterator[list[Path]]:
        """Yield local paths to write to; publish each file atomically if the block succeeds, else discard them all.

        A local lake renames the file within the file system, after fsync; an object store gets one put of the whole
        file. Publication starts once all files are complete, so a final name never holds a partial file.
        """
        finals = [self.path(relative) for relative in relatives]
        with self._workspace() as folder, self.full_disk(str(folder)):
            temporaries = [folder / str(number) for number in range(len(finals))]
            yield temporaries
            if self.is_local:
                for temporary in temporaries:
                    _sync(temporary)
                for temporary, final in zip(temporaries, finals, strict=True):
                    with self._errors("write", final):
                        Path(final).parent.mkdir(parents=True, exist_ok=True)
                        temporary.replace(final)
                for folder in {Path(final).parent for final in finals}:
                    _sync(folder)
            else:
                for temporary, final in zip(temporaries, finals, strict=True):
                    with self._errors("write", final, missing=True):
                        self.fs.put_file(str(temporary), final)
                self.fs.invalidate_cache()

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """A fresh folder for unfinished files, removed afterwards; its name holds the process id, to spot dead ones."""
        folder = self._workspaces() / f"prox-{self._machine()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        with self._errors("make unfinished files in", str(folder.parent), missing=True):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def create_exclusively(self, relative: str, data: bytes) -> bool:
        """Write a small file only if it does not exist; return whether this call wrote it.

        On a file system without hard links, the file is empty for a moment before it has its contents.

        Raises:
            LakeError: The store overwrites files that it was asked not to overwrite, so that nothing can be exclusive.
            RetryableLakeError: The folder or the store did not let the file be written.
        """
        path = self.path(relative)
        if self.is_local:
            with self._workspace() as folder, self._errors("write", path, missing=True):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                temporary = folder / "new"
                temporary.write_bytes(data)
                try:
                    # A hard link appears complete or not at all; O_EXCL and then a write would expose an empty file.
                    os.link(temporary, path)
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    return _create(Path(path), data)
                return True
        with self._errors("write", path, missing=True):
            if not self._puts_if_absent(path, data):
                return False
            if not self._is_exclusive:
                if self._puts_if_absent(path, data):
                    self.remove(relative)
                    raise LakeError(
                        f"the store of {self.url} ignores If-None-Match: it overwrites a file although it was asked to "
                        "write it only if there is none, so two runs could write one shard at once. Use a store that "
                        "supports conditional writes (AWS S3, MinIO, Ceph, R2 and Google Cloud Storage do), or an "
                        "update of this one."
                    )
                self._is_exclusive = True
            return True

    def _puts_if_absent(self, path: str, data: bytes) -> bool:
        try:
            self.fs.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        return True

    def remove(self, relative: str) -> None:
        """Remove a file or a whole folder; do nothing if it does not exist."""
        path = self.path(relative)
        self.fs.invalidate_cache()
        with self._errors("remove", path):
            try:
                # fsspec reads the path to remove as a pattern, except on a local disk.
                self.fs.rm(path if self.is_local else glob_literal(path), recursive=True)
            except FileNotFoundError:
                return
            finally:
                self.fs.invalidate_cache()

    def remove_empty_workspaces(self) -> None:
        """Remove the folder of unfinished files if nothing is in it; only where nobody else writes at the time."""
        if self.is_local:
            with suppress(OSError):  # it is not there, or not empty
                self._workspaces().rmdir()

    def remove_abandoned_temporaries(self) -> int:
        """Remove unfinished files of this machine's ended processes; return the number of folders removed."""
        removed = 0
        for folder in self._workspaces().glob(f"prox-{self._machine()}-*"):
            if process_is_gone(int(folder.name.split("-")[2])):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed

    def is_being_written(self, name: str) -> bool:
        """Tell whether a folder of unfinished files, by its name, is that of a live process of this machine."""
        own = name.removeprefix(f"prox-{self._machine()}-")
        pid = own.partition("-")[0]
        return own != name and pid.isdecimal() and not process_is_gone(int(pid))

    def _machine(self) -> str:
        """This machine's name as part of a file name; on a shared folder, another machine's process ids mean nothing.

        Machines made from one image may have one name, so on a folder that they share it is the name since the boot.
        """
        name = boot_name() if self.is_shared_folder else machine_name()
        return hashlib.sha256(name.encode()).hexdigest()[:12]

    def _workspaces(self) -> Path:
        """The folder for unfinished files: inside a local lake, where a rename works, else this machine's own."""
        return Path(self.root) / TEMPORARY if self.is_local else Path(tempfile.gettempdir())

    @contextmanager
    def full_disk(self, folder: str) -> Iterator[None]:
        """Explain a full disk, whichever library reports it: Arrow, shutil or this process."""
        try:
            yield
        except OSError as error:
            if error.errno not in _WRITE_ERRORS:
                raise
            raise RetryableLakeError(
                f"cannot write unfinished files in {folder}: {error}. Make room on that disk, or make it writable, and "
                "run this again: what was finished is kept."
            ) from error

    @contextmanager
    def _errors(self, action: str, path: str, *, missing: bool = False) -> Iterator[None]:
        """Turn a storage library's errors into RetryableLakeError; FileNotFoundError passes unless `missing` is set.

        Each storage library has its own exceptions, many of them not OSError. We therefore catch all of them, and put
        only calls into such a library inside the block.
        """
        try:
            yield
        except LakeError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and not missing:
                raise
            # s3fs raises EBUSY when a file was replaced while it was being read.
            if not self.is_local and isinstance(error, OSError) and error.errno == errno.EBUSY:
                raise ReplacedTableError(
                    f"{path} in the lake {self.url} was replaced by another run while it was read: run this again."
                ) from error
            raise RetryableLakeError(
                f"cannot {action} {path} in the lake {self.url}: {type(error).__name__}: {error}. Check that the "
                "folder or bucket exists, that there is room, and that this user or the credentials in the "
                "environment may do this."
            ) from error


def _endpoint(fs: fsspec.AbstractFileSystem) -> str | None:
    """Return the server that a store's options name; None means that the environment decides."""
    options = fs.storage_options
    return options.get("endpoint_url") or (options.get("client_kwargs") or {}).get("endpoint_url")


def _stamp(entry: dict[str, Any]) -> str:
    """A rename changes the inode even when time and size stay the same; object stores have content tags."""
    tag = entry.get("ETag") or entry.get("etag") or f"{entry.get('ino')}-{entry.get('mtime') or entry.get('updated')}"
    return f"{entry['size']}-{tag}"


def _create(path: Path, data: bytes) -> bool:
    """Write a file unless it exists, without hard links; return whether this call wrote it."""
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return False
    return True


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk, so that a power cut after the rename cannot leave an empty file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Windows shares cannot flush a folder.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(descriptor)
