"""What every kind of arm is made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.proof.arms.table import CorpusShare, Source, arm_notes
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.texts.documents import DocumentShard, DocumentTable, with_columns_of_the_lake
from prox_assets.proof.texts.positions import PositionedTable

ArmPart = tuple[str, Source, pl.DataFrame]
"""A shard of an arm: its corpus in the proof, the file that holds its text, and rows as in table.ROWS."""


@dataclass(frozen=True)
class ArmContext:
    """A proof's documents, and what they are made from.

    Attributes:
        lake: The lake.
        settings: All settings of the proof.
        folder: Its files.
        documents: The table of documents.
    """

    lake: Lake
    settings: ProofSettings
    folder: ProofFolder
    documents: DocumentTable

    def shards(self) -> Iterator[tuple[DocumentShard, pl.DataFrame]]:
        """Yield each shard with the rows of its documents to train on."""
        for shard in self.documents.notes.shards:
            yield shard, self.documents.rows(shard)

    def texts(self, shard: DocumentShard, rows: pl.DataFrame, *more: str) -> Iterator[pl.DataFrame]:
        """Yield rows with the raw text and further columns of the lake's documents, some MiB at a time."""
        return with_columns_of_the_lake(self.lake, shard, rows, ["text", *more])

    def like(self, arm: str) -> "OtherArm":
        """Return another arm.

        Raises:
            ProofError: It has not been written, or with other documents.
        """
        notes = arm_notes(self.folder, arm)
        if notes.documents != self.documents.notes.identity:
            raise ProofError(
                f"arm {arm} was written before the documents of the proof were listed again; write it again first"
            )
        return OtherArm(notes.corpora, PositionedTable(self.folder.arm(arm)))


@dataclass(frozen=True)
class OtherArm:
    """An arm that another is like.

    Attributes:
        corpora: What it has of each corpus.
        table: Its rows.
    """

    corpora: dict[str, CorpusShare]
    table: PositionedTable

    def rows(self, shard: DocumentShard) -> pl.DataFrame:
        """Return the arm's rows of a shard."""
        return self.table.rows(shard.start, shard.stop)


def raw_source(shard: DocumentShard) -> Source:
    """Return the file that holds a shard's raw text."""
    return Source("documents", shard.corpus, shard.shard, shard.identity)


def parts_of(rows: pl.DataFrame, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the frames of a shard as one, which has a row for each of its rows."""
    return pl.concat(frames) if frames else rows.clear()
