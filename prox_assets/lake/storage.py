"""Where the bytes are: one class over a local folder or an object store, with atomic publication.

Belongs here: URLs, paths, listing, atomic put, removal. Not here: tables, schemas, shards' states.
"""

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prox_assets.lake.errors import LakeError

# Unfinished files live under this folder of a local lake, never beside the finished ones, so that `*.parquet` in a
# table's folder is always whole files.
TEMPORARY = "_tmp"


class Storage:
    """A tree of files under a URL; every path argument is relative to it, with forward slashes.

    Args:
        url: A local folder (created when first written), or any fsspec URL such as s3://bucket/prefix.
        storage_options: Passed to fsspec, e.g. {"client_kwargs": {"endpoint_url": ...}}. Secrets belong in the
            environment.
    """

    def __init__(self, url: str, storage_options: dict[str, Any] | None = None) -> None:
        self.url = url.rstrip("/") or "/"
        self.storage_options = dict(storage_options or {})
        self.fs, root = fsspec.url_to_fs(self.url, **self.storage_options)
        self.is_local = isinstance(self.fs, LocalFileSystem)
        self.root = str(Path(root).resolve()) if self.is_local else root.rstrip("/")

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "storage_options": self.storage_options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"], state["storage_options"])

    def path(self, relative: str) -> str:
        """Return the full path (without protocol) of a relative one, refusing any that leaves the lake."""
        parts = PurePosixPath(relative).parts
        if not parts or relative.startswith("/") or ".." in parts or "\x00" in relative:
            raise LakeError(f"{relative!r} is not a path inside the lake {self.url}")
        return f"{self.root}/{relative}"

    def uri(self, relative: str) -> str:
        """Return a URL that other tools (polars, DuckDB, a person) can open."""
        return self.path(relative) if self.is_local else self.fs.unstrip_protocol(self.path(relative))

    def exists(self, relative: str) -> bool:
        """Tell whether a file or folder is there now (listings are never served from a cache)."""
        self.fs.invalidate_cache()
        return self.fs.exists(self.path(relative))

    def list_files(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder, sorted; [] when the folder is not there."""
        self.fs.invalidate_cache()
        try:
            entries = self.fs.ls(self.path(folder), detail=True)
        except FileNotFoundError:
            return []
        return sorted(PurePosixPath(e["name"]).name for e in entries if e["type"] == "file")

    def list_folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly in a folder ("" is the lake itself), sorted."""
        self.fs.invalidate_cache()
        try:
            entries = self.fs.ls(self.path(folder) if folder else self.root, detail=True)
        except FileNotFoundError:
            return []
        return sorted(PurePosixPath(e["name"].rstrip("/")).name for e in entries if e["type"] == "directory")

    @contextmanager
    def open(self, relative: str) -> Iterator[BinaryIO]:
        """Open a file for reading, seekable."""
        with self.fs.open(self.path(relative), "rb") as file:
            yield file

    def read_bytes(self, relative: str) -> bytes | None:
        """Return a small file's bytes, or None when it is not there."""
        try:
            return self.fs.cat_file(self.path(relative))
        except FileNotFoundError:
            return None

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Write a small file atomically."""
        with self.new_files([relative]) as [temporary]:
            temporary.write_bytes(data)

    @contextmanager
    def new_files(self, relatives: Sequence[str]) -> Iterator[list[Path]]:
        """Give local paths to write to; put each in place atomically when the block ends well, else discard all.

        On a local lake that is a rename within the file system, after fsync; on an object store one put of the whole
        file. Nobody ever sees half a file under a final name, and nothing is put in place before all are whole.
        """
        finals = [self.path(relative) for relative in relatives]
        with self._workspace() as folder:
            temporaries = [folder / str(number) for number in range(len(finals))]
            yield temporaries
            if self.is_local:
                for temporary in temporaries:
                    _sync(temporary)
                for temporary, final in zip(temporaries, finals, strict=True):
                    Path(final).parent.mkdir(parents=True, exist_ok=True)
                    temporary.replace(final)
                for folder in {Path(final).parent for final in finals}:
                    _sync(folder)
            else:
                for temporary, final in zip(temporaries, finals, strict=True):
                    self.fs.put_file(str(temporary), final)
                self.fs.invalidate_cache()

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """A fresh folder for unfinished files, removed afterwards; named by process so that the dead are told apart."""
        if self.is_local:
            parent = Path(self.root) / TEMPORARY
            try:
                parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LakeError(
                    f"cannot write to the lake {self.url}: {error}. Check that the folder exists and is writable."
                ) from error
        else:
            parent = Path(tempfile.gettempdir())
        folder = parent / f"prox-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def create_exclusively(self, relative: str, data: bytes) -> bool:
        """Write a small file only if it is not there; return whether this call wrote it."""
        path = self.path(relative)
        if self.is_local:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with self._workspace() as folder:
                temporary = folder / "new"
                temporary.write_bytes(data)
                try:
                    # A link appears whole or not at all; O_EXCL followed by a write would show an empty file.
                    os.link(temporary, path)
                except FileExistsError:
                    return False
                return True
        try:
            self.fs.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        return True

    def remove(self, relative: str) -> None:
        """Remove a file or a whole folder; not being there is fine."""
        path = self.path(relative)
        try:
            self.fs.rm(path, recursive=True)
        except FileNotFoundError:
            return
        finally:
            self.fs.invalidate_cache()

    def remove_abandoned_temporaries(self) -> int:
        """Remove unfinished files of processes on this machine that are gone; return how many folders went."""
        if not self.is_local:
            return 0
        removed = 0
        for folder in (Path(self.root) / TEMPORARY).glob(f"prox-{_host()}-*"):
            pid = folder.name.split("-")[2]
            if not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed


def _host() -> str:
    """This machine's name without the separator; on a shared folder, another machine's process ids mean nothing."""
    return socket.gethostname().replace("-", "_")


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk, so that a power cut after the rename cannot leave an empty file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
