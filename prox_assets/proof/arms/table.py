"""An arm as a table: written shard by shard, and read back as texts.

A kind of arm yields, for each shard, where its text is and a frame of rows (ROWS); the rest of tables.ARM follows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from prox_assets.lake.errors import ReplacedTableError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.arms.lines import Span, cut
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.tables import ARM
from prox_assets.proof.texts.documents import NOTES, DocumentNotes, footer_of

SPANS = pl.List(pl.Struct({"start": pl.Int32, "end": pl.Int32}))
ROWS = pl.Schema(
    {
        "position": pl.Int64,
        "source_doc_id": pl.String,
        "spans": SPANS,
        "characters": pl.Int64,
        "reason": pl.String,
        "score": pl.Float64,
        "raw_characters": pl.Int64,
    }
)
"""What a kind of arm says of each document; `reason` only counts where no characters are left."""

READ_ROWS = 1024


class Source(NamedTuple):
    """A file of the lake that holds text of an arm.

    Attributes:
        table: `documents` or `refined`.
        corpus: Its corpus.
        shard: Its shard.
        identity: The identity that the file had.
        execution: The execution whose rows count, for `refined`.
    """

    table: str
    corpus: str
    shard: str
    identity: str
    execution: str | None = None


@dataclass(frozen=True)
class CorpusShare:
    """What an arm has of a corpus.

    Attributes:
        documents: Documents to train on.
        kept: Those of them that are in the arm.
        raw_characters: Characters of their raw text, dropped documents included.
        characters: Characters in the arm.
    """

    documents: int = 0
    kept: int = 0
    raw_characters: int = 0
    characters: int = 0

    @property
    def share(self) -> float:
        """The share of the raw characters that is left."""
        return self.characters / self.raw_characters if self.raw_characters else 0.0

    def __add__(self, other: "CorpusShare") -> "CorpusShare":
        """Add up two parts."""
        return CorpusShare(
            self.documents + other.documents,
            self.kept + other.kept,
            self.raw_characters + other.raw_characters,
            self.characters + other.characters,
        )


@dataclass(frozen=True)
class ArmNotes:
    """What an arm says about itself, and what a caller shows of it.

    Attributes:
        arm: Its name.
        identity: Hash of its settings, of the documents and of every file that holds its text.
        documents: Identity of the table of documents.
        corpora: What it has of each corpus.
        sources: The files of the lake that hold its text.
    """

    arm: str
    identity: str
    documents: str
    corpora: dict[str, CorpusShare]
    sources: tuple[Source, ...]

    @property
    def total(self) -> CorpusShare:
        """All corpora together."""
        return sum(self.corpora.values(), CorpusShare())


_NOTES = TypeAdapter(ArmNotes)


def whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows that keep the whole raw text of documents, given their rows of DOCUMENTS."""
    return rows.select(
        "position",
        pl.col("doc_id").alias("source_doc_id"),
        pl.lit(None, SPANS).alias("spans"),
        "characters",
        pl.lit("the document is empty").alias("reason"),
        pl.lit(None, pl.Float64).alias("score"),
        pl.col("characters").alias("raw_characters"),
    )


def dropped_where(rows: pl.DataFrame, dropped: pl.Series, reason: str | pl.Expr) -> pl.DataFrame:
    """Return rows with some documents dropped."""
    return rows.with_columns(
        characters=pl.when(dropped).then(0).otherwise("characters"),
        reason=pl.when(dropped).then(pl.lit(reason) if isinstance(reason, str) else reason).otherwise("reason"),
    )


def with_spans(rows: pl.DataFrame, spans: Sequence[Sequence[Span]], reason: str | pl.Expr) -> pl.DataFrame:
    """Return rows that keep parts of the raw text of documents, given their rows of DOCUMENTS.

    Args:
        rows: The documents.
        spans: The parts of each that are kept; none for a dropped one.
        reason: Why those with no part are dropped.
    """
    flat = [span for parts in spans for span in parts]
    offsets = [0, *accumulate(map(len, spans))]
    sides = [pa.array([span[side] for span in flat], pa.int32()) for side in (0, 1)]
    structs = pa.StructArray.from_arrays(sides, ["start", "end"])
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)
    characters = [sum(end - start for start, end in parts) for parts in spans]
    return whole(rows).with_columns(
        spans=pl.Series(pl.from_arrow(lists), dtype=SPANS),
        characters=pl.Series(characters, dtype=pl.Int64),
        reason=pl.lit(reason) if isinstance(reason, str) else reason,
    )


def write_table(
    folder: ProofFolder,
    arm: str,
    made_from: object,
    documents: DocumentNotes,
    parts: Iterable[tuple[str, Source, pl.DataFrame]],
) -> ArmNotes:
    """Write an arm's table; it appears when it is complete.

    Args:
        folder: The proof.
        arm: Name of the arm.
        made_from: What else the arm depends on, as JSON could say it.
        documents: What the table of documents says about itself.
        parts: For each shard, its corpus in the proof, where the text is, and rows as in ROWS.

    Raises:
        ProofError: Nothing is left of any document, or the lake no longer has all documents.
    """
    shares: dict[str, CorpusShare] = {}
    sources: list[Source] = []
    path = folder.arm(arm)
    with (
        Storage(str(folder.root)).new_files([path.relative_to(folder.root).as_posix()]) as [unfinished],
        pq.ParquetWriter(unfinished, ARM, compression="zstd") as table,
    ):
        for corpus, source, rows in parts:
            shares[corpus] = shares.get(corpus, CorpusShare()) + _share(rows)
            sources.append(source)
            if rows.height:
                table.write_table(_complete(rows, source).to_arrow().cast(ARM))
        identity = fingerprint([made_from, documents.identity, sources])
        notes = ArmNotes(arm, identity, documents.identity, shares, tuple(sources))
        if notes.total.documents != documents.training:
            raise ProofError(
                f"arm {arm}: the lake has {notes.total.documents} of {documents.training} documents to train on; list "
                "the documents of the proof again"
            )
        if not notes.total.kept:
            raise ProofError(
                f"arm {arm} has no document left of {notes.total.documents}: choose other rules, another selector or "
                "another refiner, or leave the arm out"
            )
        table.add_key_value_metadata({NOTES: _NOTES.dump_json(notes)})
    return notes


def arm_notes(folder: ProofFolder, arm: str) -> ArmNotes:
    """Return what an arm says about itself.

    Raises:
        ProofError: It has not been written yet.
    """
    return _NOTES.validate_json(footer_of(folder.arm(arm)))


def arm_texts(lake: Lake, folder: ProofFolder, arm: str) -> Iterator[tuple[int, str]]:
    """Yield (position, text) of every document to train on, in order; a dropped one has the text "".

    Raises:
        ProofError: The arm has not been written, or its text has since been replaced in the lake.
        LakeError: The lake cannot be read.
    """
    files = {(source.table, source.corpus, source.shard): source for source in arm_notes(folder, arm).sources}
    for key, rows in groupby(_rows(folder, arm), key=lambda row: row.source):
        try:
            texts = _texts(lake, files[key])
            for row in rows:
                yield row.position, _text_of(row, texts)
        except ReplacedTableError as error:
            raise ProofError(f"the text of arm {arm} has been replaced ({error}); write the arm again") from error


def arm_frames(
    lake: Lake, folder: ProofFolder, arm: str, source: Source, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Yield the documents of an arm whose text is in one file of the lake, in its order, one row group in memory.

    Args:
        lake: The lake.
        folder: The proof.
        arm: Name of the arm.
        source: One of ArmNotes.sources.
        columns: Columns of the lake's table; `doc_id` is always there, and `text` is what the arm has of it.

    Raises:
        ProofError: The file has since been replaced, or lacks a document.
    """
    here = (pl.col("source") == source.table) & (pl.col("source_corpus") == source.corpus)
    rows = pl.scan_parquet(folder.arm(arm), glob=False).filter(
        here & (pl.col("source_shard") == source.shard) & pl.col("kept")
    )
    spans = rows.select("source_doc_id", "spans").collect()
    wanted = ["doc_id", *(name for name in columns if name != "doc_id")]
    found = 0
    try:
        for frame in lake.frames(
            source.corpus, Table(source.table), source.shard, wanted, source.identity, source.execution
        ):
            kept = frame.join(spans, left_on="doc_id", right_on="source_doc_id", how="inner", maintain_order="left")
            found += kept.height
            if "text" in wanted:
                parts = zip(kept["text"], kept["spans"].to_list(), strict=True)
                texts = [text if of is None else cut(text, [(s["start"], s["end"]) for s in of]) for text, of in parts]
                kept = kept.with_columns(text=pl.Series(texts, dtype=pl.String))
            yield kept.drop("spans")
    except ReplacedTableError as error:
        raise ProofError(f"the text of arm {arm} has been replaced ({error}); write the arm again") from error
    if found != spans.height:
        raise ProofError(
            f"{source.table} of shard {source.shard!r} of corpus {source.corpus} has {found} of the {spans.height} "
            f"documents of arm {arm}; write the arm again"
        )


class _Row(NamedTuple):
    position: int
    kept: bool
    source: tuple[str, str, str]
    doc_id: str
    spans: list[Span] | None


def _text_of(row: _Row, texts: Iterator[tuple[str, str]]) -> str:
    """Return a document's text; both walk through the same shard in the same order."""
    if not row.kept:
        return ""
    found = next((text for doc_id, text in texts if doc_id == row.doc_id), None)
    if found is None:
        raise ProofError(f"{'/'.join(row.source)} of the lake has no document {row.doc_id}; write the arm again")
    return found if row.spans is None else cut(found, row.spans)


def _texts(lake: Lake, source: Source) -> Iterator[tuple[str, str]]:
    table = Table(source.table)
    columns = ["doc_id", "text"]
    for frame in lake.frames(source.corpus, table, source.shard, columns, source.identity, source.execution):
        yield from frame.iter_rows()


def _rows(folder: ProofFolder, arm: str) -> Iterator[_Row]:
    names = ["position", "kept", "source", "source_corpus", "source_shard", "source_doc_id"]
    for batch in pq.ParquetFile(folder.arm(arm)).iter_batches(READ_ROWS, columns=[*names, "spans"]):
        spans = batch["spans"]
        starts, ends = (spans.values.field(side).to_pylist() for side in ("start", "end"))
        offsets, missing = spans.offsets.to_pylist(), spans.is_null().to_pylist()
        values = zip(*(batch[name].to_pylist() for name in names), strict=True)
        for number, (position, kept, *source, doc_id) in enumerate(values):
            places = slice(offsets[number], offsets[number + 1])
            parts = None if missing[number] else [*zip(starts[places], ends[places], strict=True)]
            yield _Row(position, kept, (source[0], source[1], source[2]), doc_id, parts)


def _share(rows: pl.DataFrame) -> CorpusShare:
    kept = rows.filter(pl.col("characters") > 0)
    return CorpusShare(rows.height, kept.height, int(rows["raw_characters"].sum()), int(kept["characters"].sum()))


def _complete(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    kept = pl.col("characters") > 0
    return rows.select(
        "position",
        kept.alias("kept"),
        pl.lit(source.table).alias("source"),
        pl.lit(source.corpus).alias("source_corpus"),
        pl.lit(source.shard).alias("source_shard"),
        "source_doc_id",
        pl.when(kept).then("spans").otherwise(pl.lit([], SPANS)).alias("spans"),
        "characters",
        pl.when(~kept).then("reason").alias("reason"),
        "score",
    )
