"""The tables of one refined shard, each of whose files is read once while the shard is measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, SCHEMAS, Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.programs import DocumentReason, Reason

MEASURED = (Table.DOCUMENTS, Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS, Table.REFINED, Table.OUTCOMES, Table.EDITS)
_COST = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class ShardTables:
    """What a shard's files say about themselves, and their rows.

    Attributes:
        lake: The lake.
        corpus: Corpus name.
        shard: Shard key.
        files: What each measured file says; `chunk_outcomes` only where the published execution has one, which those
            of earlier releases do not.
        rejects: Raw rows that became no document.
        execution_id: The published execution; None where none is.
    """

    lake: Lake
    corpus: str
    shard: str
    files: Mapping[Table, FileInfo]
    rejects: int
    execution_id: str | None

    @classmethod
    def of(cls, lake: Lake, corpus: str, shard: str) -> "ShardTables":
        """Look at a shard's files.

        Raises:
            MissingTableError: One is not there.
        """
        files = {table: lake.require(corpus, table, shard) for table in MEASURED}
        rejects = lake.info(corpus, Table.REJECTS, shard)
        verdicts = lake.info(corpus, Table.CHUNK_OUTCOMES, shard)
        execution_id = lake.execution(corpus, shard)
        if verdicts is not None and verdicts.notes.get("execution_id") == execution_id:
            files[Table.CHUNK_OUTCOMES] = verdicts
        return cls(lake, corpus, shard, files, rejects.rows if rejects else 0, execution_id)

    def frames(self, table: Table, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Stream some columns of a table, a row group in memory; call it once for each table.

        Raises:
            ReplacedTableError: The file is no longer the one that was looked at.
        """
        execution = self.execution_id if table in EXECUTION_TABLES else None
        return self.lake.frames(self.corpus, table, self.shard, columns, self.files[table].identity, execution)

    @cached_property
    def outcomes(self) -> pl.DataFrame:
        """What became of every document; of the reasons, only whether it is one of two."""
        sizes = ("characters_before", "characters_after", "lines_before", "lines_after")
        outside = (pl.col("reason") == DocumentReason.OUTSIDE_TRAINING.value).fill_null(value=False)
        worthless = (pl.col("reason") == Reason.JUDGED_WORTHLESS.value).fill_null(value=False)
        marks = (outside.alias("outside_training"), worthless.alias("judged_worthless"))
        return self._whole(Table.OUTCOMES, "doc_id", "outcome", *sizes, "operations_applied", reason=marks)

    @cached_property
    def doc_programs(self) -> pl.DataFrame:
        """Every document's decision, without its text."""
        return self._whole(Table.DOC_PROGRAMS, "doc_id", "keep_probability", "truncated", *_COST, "error")

    @cached_property
    def chunk_programs(self) -> pl.DataFrame:
        """Every chunk's answer, without its text."""
        return self._whole(Table.CHUNK_PROGRAMS, "doc_id", "skip_reason", "finish_reason", *_COST, "error")

    def _whole(self, table: Table, *columns: str, **derived: tuple[pl.Expr, ...]) -> pl.DataFrame:
        """Return some columns of a table, and what is derived from others that are too long to hold, by their names."""
        read = [*columns, *derived]
        empty = pl.DataFrame(schema={name: pl.Schema(SCHEMAS[table])[name] for name in read})
        wanted = [*columns, *chain.from_iterable(derived.values())]
        return pl.concat([frame.select(wanted) for frame in (empty, *self.frames(table, read))])
