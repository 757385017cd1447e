"""The files of a lake with their sizes and times, and what garbage is made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from prox_assets.lake.storage.storage import Storage


class Kind(StrEnum):
    """Kinds of garbage."""

    COMPACTION = "old compaction"
    HISTORY = "history past its limit"
    EXECUTION = "execution that no manifest names"
    LEDGER = "windows of a finished or unknown shard"
    LEASE = "lease of a dead run"
    TEMPORARY = "abandoned temporary file"
    UNRECORDED = "table of a shard without a record"
    CACHE = "cache of a corpus that is gone"
    EXPORT = "leftover of an export"


@dataclass(frozen=True)
class LakeFile:
    """A file.

    Attributes:
        path: Relative to the lake.
        size: Bytes.
        written_at: When it was last written, in UTC.
    """

    path: str
    size: int
    written_at: datetime


@dataclass(frozen=True)
class Garbage:
    """Something that nothing needs.

    Attributes:
        kind: What it is.
        path: A file or folder of the lake.
        why: Why nothing needs it.
        size: Bytes that removing it frees; of a history, as far as they are known.
        files: The files, as they were when it was found.
        leases: The leases (corpus, asset, shard) without which it must not be touched.
        rows: Of a history, how many rows go; 0 where all of the file does.
        execution: Of a shard's table, the execution that its manifest named then; None without a manifest.
    """

    kind: Kind
    path: str
    why: str
    size: int
    files: tuple[LakeFile, ...]
    leases: tuple[tuple[str, str, str], ...] = ()
    rows: int = 0
    execution: str | None = None


@dataclass(frozen=True)
class Limits:
    """What may count as garbage.

    Attributes:
        now: The time that ages are counted to, in UTC.
        older_than: What is younger is left alone, because a run may be about to use it.
        history_days: Rows of metrics' histories that are older go; None keeps them whatever their age.
        history_rows: So do all but a shard's latest ones; None keeps them whatever their number.
    """

    now: datetime
    older_than: timedelta = timedelta(days=1)
    history_days: float | None = None
    history_rows: int | None = None

    def is_old(self, files: list[LakeFile], at_least: timedelta = timedelta(0)) -> bool:
        """Tell whether all of some files are old enough, and no younger than `at_least`."""
        return all(file.written_at <= self.now - max(self.older_than, at_least) for file in files)


def files_below(storage: Storage, folder: str) -> list[LakeFile]:
    """Return all files below a folder, sorted; [] where there is no such folder.

    Raises:
        LakeError: The lake cannot be listed.
    """
    return sorted(_walk(storage, folder), key=lambda file: file.path)


def _walk(storage: Storage, folder: str) -> Iterator[LakeFile]:
    for name, entry in storage.list_entries(folder).items():
        path = f"{folder}/{name}"
        if entry["type"] == "directory":
            yield from _walk(storage, path)
        else:
            yield LakeFile(path, int(entry["size"] or 0), _time(entry))


def _time(entry: dict[str, Any]) -> datetime:
    """Return when a file was written; a file system that does not tell makes it look new."""
    time = entry.get("mtime") or entry.get("LastModified") or entry.get("updated") or entry.get("last_modified")
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime):
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return datetime.now(UTC) if time is None else datetime.fromtimestamp(float(time), UTC)
