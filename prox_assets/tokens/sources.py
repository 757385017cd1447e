"""Where the text of token files comes from: a table of the lake, or an arm of a proof; one shard at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import polars as pl

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import WRITTEN_BY, Table
from prox_assets.proof.arms.table import ArmNotes, arm_frames, arm_notes
from prox_assets.proof.arms.table import Source as ArmFile
from prox_assets.proof.folder import ProofFolder, proof_folder
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.settings import ArmSource, Source, TableSource

RAW_HASH = {Table.DOCUMENTS: "text_hash", Table.REFINED: "raw_hash"}
"""The column of a table that has the hash of the raw text."""

ShardName = tuple[str, str]
"""Corpus and shard."""


@dataclass(frozen=True)
class ShardText:
    """The version of a shard's text.

    Attributes:
        identity: Changes with the text.
        documents: Documents, withdrawn and empty ones included.
    """

    identity: str
    documents: int


class TextSource(Protocol):
    """Text of the lake."""

    def shards(self) -> list[ShardName]:
        """Return what there is, in order."""
        ...

    def text(self, name: ShardName) -> ShardText:
        """Return the version of a shard's text.

        Raises:
            TokensError: There is none.
        """
        ...

    def frames(self, name: ShardName, text: ShardText, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield a shard's documents, one row group in memory, with the columns doc_id, url, text_hash, and these.

        Args:
            name: The shard.
            text: The version that is wanted.
            columns: Of text and metadata.

        Raises:
            ReplacedTableError: The text has been replaced while it was read.
        """
        ...


def open_source(lake: Lake, source: Source, proofs: str | None = None) -> TextSource:
    """Return the text that some settings name.

    Args:
        lake: The lake.
        source: What they name.
        proofs: Folder of all proofs; see proof.folder.

    Raises:
        TokensError: There is no such corpus or arm, or it has no shard.
        ProofError: The arm has not been written.
    """
    if isinstance(source, ArmSource):
        return _Arm(lake, source, proof_folder(source.proof, proofs))
    return _Tables(lake, source)


@dataclass(frozen=True)
class _Tables:
    lake: Lake
    source: TableSource

    @property
    def _table(self) -> Table:
        return Table(self.source.table)

    def shards(self) -> list[ShardName]:
        found = [(corpus, shard) for corpus in self.source.corpora for shard in self._shards(corpus)]
        return list(dict.fromkeys(found))

    def _shards(self, corpus: str) -> list[str]:
        present = self.lake.corpora()
        if corpus not in present:
            raise TokensError(
                f"the lake {self.lake.url} has no corpus {corpus}; it has {', '.join(present) or 'none'}. "
                "`prox refine --corpus` makes one"
            )
        shards = self.lake.shards(corpus, self._table)
        if not shards:
            raise TokensError(
                f"corpus {corpus} of the lake {self.lake.url} has no {self._table}: materialize "
                f"{WRITTEN_BY[self._table]}, or run `prox refine`, for it first"
            )
        return shards

    def text(self, name: ShardName) -> ShardText:
        info = self.lake.require(name[0], self._table, name[1])
        if self._table is Table.REFINED:
            self._execution(name)
        return ShardText(info.identity, info.rows)

    def frames(self, name: ShardName, text: ShardText, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        execution = self._execution(name) if self._table is Table.REFINED else None
        corpus, shard = name
        wanted = ["doc_id", "url", RAW_HASH[self._table], *columns]
        for frame in self.lake.frames(corpus, self._table, shard, wanted, text.identity, execution):
            yield frame.rename({RAW_HASH[self._table]: "text_hash"})

    def _execution(self, name: ShardName) -> str:
        execution = self.lake.execution(*name)
        if execution is None:
            raise TokensError(
                f"the execution of shard {name[1]!r} of corpus {name[0]} was interrupted: run `prox refine` for the "
                f"corpus again, or materialize {WRITTEN_BY[Table.REFINED]} for that shard"
            )
        return execution


@dataclass(frozen=True)
class _Arm:
    lake: Lake
    source: ArmSource
    folder: ProofFolder

    @cached_property
    def _notes(self) -> ArmNotes:
        path = self.folder.root / "arms" / f"{self.source.arm}.parquet"
        if not path.is_file():
            raise TokensError(
                f"{path} is not there: materialize arms of proof {self.source.proof}, and check the names of proof "
                "and arm, and the folder of all proofs (--proofs, PROX_PROOFS)"
            )
        return arm_notes(self.folder, self.source.arm)

    @cached_property
    def _files(self) -> dict[ShardName, ArmFile]:
        return {(file.corpus, file.shard): file for file in self._notes.sources}

    def shards(self) -> list[ShardName]:
        return list(self._files)

    def text(self, name: ShardName) -> ShardText:
        if name not in self._files:
            raise TokensError(f"arm {self.source.arm} has no shard {name[1]!r} of corpus {name[0]}")
        info = self.lake.require(name[0], Table(self._files[name].table), name[1])
        return ShardText(fingerprint([self._notes.identity, self._files[name]]), info.rows)

    def frames(self, name: ShardName, text: ShardText, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        del text  # arm_frames checks it
        file = self._files[name]
        hash_column = RAW_HASH[Table(file.table)]
        wanted = ["url", hash_column, *columns]
        for frame in arm_frames(self.lake, self.folder, self.source.arm, file, wanted):
            yield frame.rename({hash_column: "text_hash"})
