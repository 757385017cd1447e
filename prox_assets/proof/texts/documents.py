"""The documents of a proof, in the order that all arms share, split by site into training and evaluation."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from prox_assets.catalog.queries.breakdowns import sites_of
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.programs.scripts import is_mostly_outside
from prox_assets.proof.chance import chance_of
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings, RefinedArm
from prox_assets.proof.tables import DOCUMENTS
from prox_assets.proof.texts.outcomes import outcomes_of, refined_shard
from prox_assets.proof.texts.positions import PositionedTable

NOTES = b"prox.notes"
"""Where the tables of a proof say what they were made from, as JSON in their footer."""


@dataclass(frozen=True)
class DocumentShard:
    """A shard whose documents are in the table.

    Attributes:
        corpus: Corpus of the proof.
        shard: Shard of the lake.
        identity: Identity of its documents in the lake when the table was written.
        start: Position of its first document.
        stop: Position after its last one.
    """

    corpus: str
    shard: str
    identity: str
    start: int
    stop: int


@dataclass(frozen=True)
class DocumentNotes:
    """What the table says about itself, and what a caller shows of it.

    Attributes:
        identity: Hash of the settings and of all documents: arms of the same one have the same documents.
        shards: The shards, in the order of positions.
        documents: Documents in the table.
        held_out: Those of them that only serve evaluation.
        sites: Sites of the documents to train on.
        held_out_sites: Sites of the others.
        characters: Characters of the raw text of all documents.
        quarantined: Documents left out of every arm, because a refiner failed on them, by the refined corpus.
        other_scripts: Documents left out because they are in none of `text.scripts`.
        read: Identity of the documents of every shard, by corpus of the proof and shard.
        executed: Execution of every shard that a refined arm is made from, by its corpus and shard.
    """

    identity: str
    shards: tuple[DocumentShard, ...]
    documents: int
    held_out: int
    sites: int
    held_out_sites: int
    characters: int
    quarantined: dict[str, int]
    other_scripts: int = 0
    # Empty in tables that an earlier release wrote.
    read: dict[str, dict[str, str]] = field(default_factory=dict)
    executed: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def training(self) -> int:
        """Documents to train on: every arm has a row for each."""
        return self.documents - self.held_out


_NOTES = TypeAdapter(DocumentNotes)


def write_documents(lake: Lake, settings: ProofSettings, folder: ProofFolder) -> DocumentNotes:
    """Write the table DOCUMENTS: every document of the proof's corpora, in the order of shards and rows.

    A document's site is the column `text.site` of its source, or else the host of its URL, or else its doc_id. A hash
    of site and seed decides whether it is held out, so that no site is on both sides. Documents on which a refiner of
    one of the arms failed are left out, and so are those in none of `text.scripts`.

    Raises:
        ProofError: A corpus is not in the lake or has no documents, a shard of a refined corpus is not refined or out
            of date, no document has the column of `text.site`, or one side has fewer than two sites.
        LakeError: The lake cannot be read.
    """
    writer = _DocumentWriter(lake, settings)
    with (
        Storage(str(folder.root)).new_files([_relative(folder)]) as [unfinished],
        pq.ParquetWriter(unfinished, DOCUMENTS, compression="zstd") as table,
    ):
        for corpus in settings.corpora:
            for frame in writer.of_corpus(corpus):
                table.write_table(frame.to_arrow().cast(DOCUMENTS))
        notes = writer.notes()
        table.add_key_value_metadata({NOTES: _NOTES.dump_json(notes)})
    return notes


class DocumentTable:
    """The table DOCUMENTS of a proof.

    Raises:
        ProofError: It has not been written yet.
    """

    def __init__(self, folder: ProofFolder) -> None:
        self._path = folder.documents()
        self.notes = _NOTES.validate_json(footer_of(self._path))
        self._table = PositionedTable(self._path)

    def rows(self, shard: DocumentShard, *, held_out: bool | None = False) -> pl.DataFrame:
        """Return the rows of a shard's documents.

        Args:
            shard: One of `notes.shards`.
            held_out: Which side; None for both.
        """
        rows = self._table.rows(shard.start, shard.stop)
        return rows if held_out is None else rows.filter(pl.col("held_out") == held_out)

    def side(self, columns: Sequence[str], *, held_out: bool = False) -> pl.DataFrame:
        """Return some columns of all documents of one side, without their texts."""
        rows = pl.scan_parquet(self._path, glob=False).filter(pl.col("held_out") == held_out)
        return rows.select(columns).collect()


def with_columns_of_the_lake(
    lake: Lake, shard: DocumentShard, rows: pl.DataFrame, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Yield a shard's rows of DOCUMENTS with columns of the lake's documents, such as text; a few MiB at a time.

    Args:
        lake: The lake.
        shard: The shard.
        rows: Rows of DocumentTable.rows; only these documents are yielded, in their order.
        columns: Columns of the lake's table `documents`.

    Raises:
        ReplacedTableError: The shard has been read again since the table of documents was written.
    """
    for frame in lake.frames(shard.corpus, Table.DOCUMENTS, shard.shard, ["doc_id", *columns], shard.identity):
        found = frame.join(rows, on="doc_id", how="inner", maintain_order="left")
        if found.height:
            yield found


def training_texts(lake: Lake, folder: ProofFolder) -> Iterator[str]:
    """Yield the raw text of every document to train on, in order."""
    table = DocumentTable(folder)
    for shard in table.notes.shards:
        for frame in with_columns_of_the_lake(lake, shard, table.rows(shard), ["text"]):
            yield from frame["text"]


def footer_of(path: Path) -> bytes:
    """Return the notes in a table's footer.

    Raises:
        ProofError: There is no table.
    """
    if not path.is_file():
        raise ProofError(f"{path} is not there: materialize arms first")
    return (pq.read_metadata(path).metadata or {})[NOTES]


def _relative(folder: ProofFolder) -> str:
    return folder.documents().relative_to(folder.root).as_posix()


@dataclass
class _DocumentWriter:
    lake: Lake
    settings: ProofSettings
    shards: list[DocumentShard] = field(default_factory=list)
    sites: dict[bool, set[str]] = field(default_factory=lambda: {False: set(), True: set()})
    held_out: int = 0
    characters: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    other_scripts: int = 0
    inputs: list[Any] = field(default_factory=list)
    read: dict[str, dict[str, str]] = field(default_factory=dict)
    executed: dict[str, dict[str, str]] = field(default_factory=dict)
    has_site: bool = False

    def of_corpus(self, corpus: str) -> Iterator[pl.DataFrame]:
        if corpus not in self.lake.corpora():
            raise ProofError(
                f"the lake {self.lake.url} has no corpus {corpus}; it has {', '.join(self.lake.corpora()) or 'none'}. "
                "`prox refine --corpus` makes one"
            )
        before = self._documents
        for shard in self.lake.shards(corpus, Table.DOCUMENTS):
            identity = self.lake.require(corpus, Table.DOCUMENTS, shard).identity
            quarantined = self._quarantined(corpus, shard, identity)
            start = self._documents
            columns = ["doc_id", "source_row", "text", "url", "metadata"]
            frames = self.lake.frames(corpus, Table.DOCUMENTS, shard, columns, identity)
            parts = [
                self._rows(frame.filter(~pl.col("doc_id").is_in([*quarantined])), corpus, shard) for frame in frames
            ]
            rows = pl.concat(parts) if parts else None
            if rows is not None and rows.height:
                positions = pl.int_range(start, start + rows.height, dtype=pl.Int64, eager=True).alias("position")
                yield rows.insert_column(0, positions)
                self.shards.append(DocumentShard(corpus, shard, identity, start, start + rows.height))
            self.inputs.append([corpus, shard, identity, fingerprint(sorted(quarantined))])
            self.read.setdefault(corpus, {})[shard] = identity
        if self._documents == before:
            raise ProofError(
                f"corpus {corpus} of the lake {self.lake.url} has no documents that could be compared: read some with "
                "`prox refine`, or leave it out of `corpora`"
            )

    def notes(self) -> DocumentNotes:
        if self.settings.text.site is not None and not self.has_site:
            raise ProofError(
                f"no document has a value in column {self.settings.text.site!r} (text.site) among the metadata of its "
                "source; name another column, or leave it out to go by the host of the URL"
            )
        for held_out, where in ((False, "to train on"), (True, "held out for evaluation")):
            if len(self.sites[held_out]) < 2:
                raise ProofError(
                    f"{len(self.sites[held_out])} of {sum(map(len, self.sites.values()))} sites are {where}, and at "
                    "least two are needed: take corpora with more sites, or change text.site or text.held_out"
                )
        text = self.settings.text
        return DocumentNotes(
            identity=fingerprint([text.site, text.held_out, text.scripts, self.settings.seed, self.inputs]),
            shards=tuple(self.shards),
            documents=self._documents,
            held_out=self.held_out,
            sites=len(self.sites[False]),
            held_out_sites=len(self.sites[True]),
            characters=self.characters,
            quarantined=dict(self.quarantined),
            other_scripts=self.other_scripts,
            read=self.read,
            executed=self.executed,
        )

    @property
    def _documents(self) -> int:
        return self.shards[-1].stop if self.shards else 0

    def _quarantined(self, corpus: str, shard: str, identity: str) -> set[str]:
        """Return the documents on which some refiner of the arms failed."""
        found: set[str] = set()
        arms = [arm for arm in self.settings.arms if isinstance(arm, RefinedArm)]
        for refined in sorted({arm.corpora.get(corpus, corpus) for arm in arms}):
            of_shard = refined_shard(self.lake, refined, shard)
            self.executed.setdefault(refined, {})[shard] = of_shard.execution
            outcomes = outcomes_of(self.lake, corpus, identity, of_shard)
            failed = outcomes.filter(pl.col("outcome") == Outcome.QUARANTINED.value)["doc_id"].to_list()
            self.quarantined[refined] += len(failed)
            found.update(failed)
        return found

    def _rows(self, frame: pl.DataFrame, corpus: str, shard: str) -> pl.DataFrame:
        if (scripts := self.settings.text.scripts) is not None:
            outside = pl.Series([is_mostly_outside(text, scripts) for text in frame["text"]], dtype=pl.Boolean)
            self.other_scripts += int(outside.sum())
            frame = frame.filter(~outside)
        sites = self._sites(frame)
        sides = {site: chance_of(self.settings.seed, "site", site) < self.settings.text.held_out for site in set(sites)}
        for site, held_out in sides.items():
            self.sites[held_out].add(site)
        rows = frame.select(
            pl.lit(corpus).alias("corpus"),
            pl.lit(shard).alias("shard"),
            "doc_id",
            "source_row",
            pl.Series("site", sites, pl.String),
            pl.Series("held_out", [sides[site] for site in sites], pl.Boolean),
            pl.col("text").str.len_chars().cast(pl.Int64).alias("characters"),
        )
        self.held_out += int(rows["held_out"].sum())
        self.characters += int(rows["characters"].sum())
        return rows

    def _sites(self, frame: pl.DataFrame) -> list[str]:
        sites, has_site = sites_of_documents(frame, self.settings.text.site)
        self.has_site |= has_site
        return sites


def sites_of_documents(frame: pl.DataFrame, column: str | None) -> tuple[list[str], bool]:
    """Return the site of each document, and whether any of them has it in a column of its source.

    Args:
        frame: doc_id, url and metadata of documents.
        column: Column of the source with the site; if None or without a value, the host of the URL, else the doc_id.
    """
    named: list[str | None] = [None] * frame.height
    if column is not None:
        named = [_named(metadata, column) for metadata in frame["metadata"]]
    hosts = sites_of(frame["url"].to_list())
    return [name or host or doc for name, host, doc in zip(named, hosts, frame["doc_id"], strict=True)], any(named)


def _named(metadata: str | None, column: str) -> str | None:
    value = json.loads(metadata or "{}").get(column)
    return None if value is None or value == "" else str(value)
