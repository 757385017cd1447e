"""Withdrawn documents in what was written from the lake for others: token files, published folders and programs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl
import pyarrow as pa

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, ExportKind, exports
from prox_assets.lake.records.withdrawal_marks import Doomed, ever_removed
from prox_assets.lake.records.withdrawn import Withdrawn
from prox_assets.publishing import forget as publishing
from prox_assets.publishing.dialect_files import forget as dialect_files
from prox_assets.stages.run import StageError
from prox_assets.tokens import forget as tokens

UNREADABLE = (LakeError, StageError, OSError, ValueError, KeyError, pa.ArrowException, pl.exceptions.PolarsError)
"""What damaged files raise, whichever room and library reads them: one such file must not stop the other removals."""
MANIFEST = "manifest.json"
"""The last file of an export; without one it was never finished."""


class Forgetting(Protocol):
    """What the room that writes a kind of export offers."""

    def documents_of(self, export: Export) -> Iterator[pl.DataFrame]:
        """Yield the documents that are in an export: corpus, shard, doc_id, url and text_hash (of the raw text)."""
        ...

    def is_unfinished(self, export: Export) -> bool:
        """Tell whether forgetting was cut short; doing it again, even for no documents, ends what was begun."""
        ...

    def forget_documents(self, lake: Lake, export: Export, doc_ids: Collection[str]) -> int:
        """Rewrite what holds some documents without them; return how many it removed. It can be repeated."""
        ...


ROOMS: dict[ExportKind, Forgetting] = {"tokens": tokens, "dataset": publishing, "programs": dialect_files}
"""What can look into exports of a kind."""


@dataclass(frozen=True)
class HeldByExport:
    """Withdrawn documents that an export holds.

    Attributes:
        export: The export.
        documents: The documents, each with its corpus and shard.
        problem: Why nobody can tell; empty if it could be looked into.
        unfinished: Whether an earlier withdrawal was cut short in it.
    """

    export: Export
    documents: tuple[tuple[str, str, Doomed], ...] = ()
    problem: str = ""
    unfinished: bool = False

    @property
    def name(self) -> str:
        """Its kind and name."""
        return f"{self.export.kind} {self.export.name}"


def look_into_exports(lake: Lake, asked: Withdrawn, corpus: str | None = None) -> list[HeldByExport]:
    """Return what each export of a lake holds of withdrawn documents.

    Args:
        lake: The lake.
        asked: The withdrawals.
        corpus: Only exports that were made from it; all by default.

    Raises:
        LakeError: The records of exports cannot be read.
    """
    if not asked:
        return []
    gone = ever_removed(lake)
    wanted = [export for export in exports(lake) if corpus is None or corpus in export.corpora]
    return [_look_into(export, asked, gone) for export in wanted]


def forget(lake: Lake, held: HeldByExport) -> int:
    """Remove documents from an export; return how many.

    Raises:
        LakeError: It cannot be rewritten.
    """
    return ROOMS[held.export.kind].forget_documents(lake, held.export, {each.doc_id for *_, each in held.documents})


def _look_into(export: Export, asked: Withdrawn, gone: Mapping[tuple[str, str], Doomed]) -> HeldByExport:
    names = {each.name for each in asked.withdrawals}
    removed = {place: each for place, each in gone.items() if each.withdrawal in names}
    try:
        storage = export.open()
        unfinished = ROOMS[export.kind].is_unfinished(export)
        if not unfinished and not storage.exists(MANIFEST):
            # Its writer may have asked before the withdrawal what to leave out.
            is_there = bool(storage.list_entries(""))
            why = "it is being written, or was cut short: finish it, or remove its folder"
            return HeldByExport(export, problem=why if is_there else "")
        found: dict[str, tuple[str, str, Doomed]] = {}
        for frame in ROOMS[export.kind].documents_of(export):
            for row, by in asked.among(frame):
                doomed = Doomed(row["doc_id"], by.name, row["text_hash"])
                found[row["doc_id"]] = row["corpus"], row["shard"], doomed
            # Programs come without addresses.
            for corpus, shard, *place in frame.select("corpus", "shard", "doc_id", "text_hash").iter_rows():
                if removed and (doomed := removed.get((place[0], place[1]))) is not None:
                    found.setdefault(doomed.doc_id, (corpus, shard, doomed))
        return HeldByExport(export, tuple(found.values()), unfinished=unfinished)
    except UNREADABLE as error:
        return HeldByExport(export, problem=f"{type(error).__name__}: {error}")
