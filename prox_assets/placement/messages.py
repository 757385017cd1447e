"""Dagster Pipes over the lake: what a stage tells, as small files that any machine with the lake can write and read.

A job on a cluster may have many processes, move to another machine and outlive whoever started it. Files in the lake
survive all that; a log that is followed does not, and an object store has no file to append to. So the lake stays the
only channel that launchers need.
"""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from dagster_pipes import PipesMessage, PipesMessageWriter, PipesMessageWriterChannel, PipesParams

from prox_assets.lake.storage.storage import Storage

LAKE, FOLDER = "prox_lake", "prox_folder"
"""Where to write, as Pipes' parameters name it: the lake's URL, and a folder in it."""

_LOG_SECONDS = 5.0


class LakeMessages(PipesMessageWriterChannel):
    """Writes messages into a folder of the lake; log messages wait a few seconds for others, to make fewer files."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        # Writers that share the folder need not know of each other; the time keeps the files of a task in order, also
        # after it was started again.
        self._prefix = f"{folder}/{time.time_ns()}-{uuid.uuid4().hex[:8]}"
        self._files = 0
        self._waiting: list[PipesMessage] = []
        self._written = time.monotonic()

    def write_message(self, message: PipesMessage) -> None:
        """Write a message, with those that wait.

        Raises:
            RetryableLakeError: The lake cannot be written to.
        """
        self._waiting.append(message)
        if message["method"] != "log" or time.monotonic() - self._written > _LOG_SECONDS:
            lines = "".join(f"{json.dumps(each)}\n" for each in self._waiting)
            self._storage.write_bytes(f"{self._prefix}-{self._files:06d}.jsonl", lines.encode())
            self._files += 1
            self._waiting.clear()
            self._written = time.monotonic()


class LakeMessageWriter(PipesMessageWriter[LakeMessages]):
    """Opens the channel that a reader over the lake has described in Pipes' parameters."""

    @contextmanager
    def open(self, params: PipesParams) -> Iterator[LakeMessages]:
        """Yield the channel; its last message, `closed`, writes whatever waits."""
        yield LakeMessages(Storage(params[LAKE]), params[FOLDER])


class MessageFiles:
    """Reads what writers have put into a folder of the lake.

    Args:
        storage: The lake's files.
        folder: The folder.
    """

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self._seen: set[str] = set()

    def new(self) -> Iterator[PipesMessage]:
        """Yield the messages of files that have appeared since the last call.

        Raises:
            RetryableLakeError: The lake cannot be read.
        """
        for name in self._storage.list_files(self._folder):
            if name in self._seen:
                continue
            data = self._storage.read_bytes(f"{self._folder}/{name}")
            self._seen.add(name)
            for line in (data or b"").splitlines():
                yield json.loads(line)
