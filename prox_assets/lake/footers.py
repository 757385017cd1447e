"""What the footers of a corpus's files say, remembered between looks.

A look at 2,000 shards opened 10,000 files. A listing tells which of them have been replaced since the last look, and
only those are opened.
"""

import gzip
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMA_VERSION, Table
from prox_assets.lake.table_files import FileInfo


@dataclass
class _Memory:
    """What was read, each with the stamp of its file.

    Attributes:
        version: Of the lake's schema: another version's memory does not count.
        files: Footers by table and shard.
        executions: What manifests name, by shard.
    """

    version: int = SCHEMA_VERSION
    files: dict[Table, dict[str, tuple[str, FileInfo]]] = field(default_factory=dict)
    executions: dict[str, tuple[str, str | None]] = field(default_factory=dict)


_MEMORY = TypeAdapter(_Memory)
ToldT = TypeVar("ToldT")


class Footers:
    """The footers of a corpus's files as of one listing; threads may share it.

    Args:
        lake: The lake.
        corpus: The corpus.
        tables: The tables whose footers are asked for, in the order of the steps.

    Raises:
        LakeError: The lake cannot be listed.
    """

    def __init__(self, lake: Lake, corpus: str, tables: Iterable[Table]) -> None:
        self._lake, self._corpus = lake, corpus
        self._remembered = _recall(lake, corpus)
        # Later steps are listed first: a shard that is written meanwhile may look stale, never current by mistake.
        self._executions = lake.storage.list_stamps(f"{corpus}/manifests")
        self._files = {table: lake.storage.list_stamps(f"{corpus}/{table}") for table in reversed([*tables])}
        self._read = _Memory()

    def info(self, table: Table, shard: str) -> FileInfo | None:
        """Return what a table's file says about itself, or None when there is no file.

        Raises:
            LakeError: The file is damaged, of another schema version, or cannot be read.
        """
        stamp = self._files[table].get(f"{shard}.parquet")
        if stamp is None:
            return None
        remembered = self._remembered.files.get(table, {}).get(shard)
        if remembered is not None and remembered[0] == stamp:
            return remembered[1]
        info = self._lake.info(self._corpus, table, shard)
        if info is not None:
            self._read.files.setdefault(table, {})[shard] = stamp, info
        return info

    def has(self, table: Table, shard: str) -> bool:
        """Tell whether there is a file, without opening it."""
        return f"{shard}.parquet" in self._files[table]

    def unread(self, shard: str) -> int:
        """Return how many files of a shard a look at all of them would open."""
        stamps = {table: listed.get(f"{shard}.parquet") for table, listed in self._files.items()}
        opened = sum(
            stamp is not None and self._remembered.files.get(table, {}).get(shard, (None,))[0] != stamp
            for table, stamp in stamps.items()
        )
        stamp = self._executions.get(f"{shard}.json")
        return opened + (stamp is not None and self._remembered.executions.get(shard, (None,))[0] != stamp)

    def execution(self, shard: str) -> str | None:
        """Return the execution_id that a shard's manifest names, or None.

        Raises:
            LakeError: The manifest is damaged, or cannot be read.
        """
        stamp = self._executions.get(f"{shard}.json")
        if stamp is None:
            return None
        remembered = self._remembered.executions.get(shard)
        if remembered is not None and remembered[0] == stamp:
            return remembered[1]
        execution = self._lake.execution(self._corpus, shard)
        self._read.executions[shard] = stamp, execution
        return execution

    def remember(self) -> None:
        """Keep what was read for the next look, and forget files that are gone; a failed write is ignored."""
        old = self._remembered
        files = {
            **old.files,
            **{
                table: {**_there(old.files.get(table, {}), stamps, "parquet"), **self._read.files.get(table, {})}
                for table, stamps in self._files.items()
            },
        }
        new = _Memory(
            files=files, executions={**_there(old.executions, self._executions, "json"), **self._read.executions}
        )
        if new != old:
            with suppress(LakeError):
                self._lake.storage.write_bytes(_path(self._corpus), gzip.compress(_MEMORY.dump_json(new), 1))


def forget_footers(lake: Lake, corpus: str) -> None:
    """Remove what is remembered of a corpus.

    Raises:
        LakeError: It cannot be removed.
    """
    lake.storage.remove(_path(corpus))


def _there(
    remembered: dict[str, tuple[str, ToldT]], stamps: dict[str, str], suffix: str
) -> dict[str, tuple[str, ToldT]]:
    return {shard: told for shard, told in remembered.items() if stamps.get(f"{shard}.{suffix}") == told[0]}


def _recall(lake: Lake, corpus: str) -> _Memory:
    try:
        data = lake.storage.read_bytes(_path(corpus))
        memory = _Memory() if data is None else _MEMORY.validate_json(gzip.decompress(data))
    # It saves time and decides nothing: one that cannot be read, or another release's, is none.
    except (LakeError, ValidationError, OSError, EOFError, zlib.error):
        return _Memory()
    return memory if memory.version == SCHEMA_VERSION else _Memory()


def _path(corpus: str) -> str:
    return f"_footers/{corpus}.json.gz"
