"""Reads the documents of several corpora side by side: the same row of the same raw file with the same text.

Tables are streamed in the order of rows, a row group of each at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from typing import Any

import polars as pl

from prox_assets.comparison.errors import ComparisonError
from prox_assets.lake.errors import LakeError, RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.programs import EditStatus
from prox_assets.proof.texts.outcomes import RefinedShard, refined_shard
from prox_assets.stages.run import StageError

EXAMPLES = 3

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A raw document; the fields are columns of `documents`."""

    source_file: str
    source_row: int
    text_hash: str
    text: str
    url: str | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class Refined:
    """A document as one refiner left it.

    Attributes:
        doc_id: Its id in that corpus.
        outcome: What became of it.
        reason: Why, where there is more to say.
        characters: Characters of the refined text; 0 if it was not kept.
        text: The refined text; None if it was not kept.
        text_hash: Its hash, likewise.
        removed: Line ranges (first, last) that its programs removed, if it was kept.
        verdicts: The verdict on each of its chunk programs.
        rewrites: How many rewrites its programs ask for that were recorded and not executed.
    """

    doc_id: str
    outcome: Outcome
    reason: str | None
    characters: int
    text: str | None
    text_hash: str | None
    removed: tuple[tuple[int, int], ...]
    verdicts: tuple[str, ...]
    rewrites: int = 0

    @property
    def kept(self) -> bool:
        """Whether it was kept."""
        return self.outcome in KEPT_OUTCOMES


@dataclass(frozen=True, slots=True)
class MatchedDocument:
    """A document that all corpora have, with what each refiner made of it."""

    raw: RawDocument
    sides: tuple[Refined, ...]


@dataclass
class Apart:
    """Documents of one corpus without a counterpart in every other corpus.

    Attributes:
        missing_elsewhere: Another corpus has no document from that row.
        other_text: Another corpus has another text or file there.
        examples: Some of them.
        documents: All its documents that were read, matched or not.
        characters: Their characters.
    """

    missing_elsewhere: int = 0
    other_text: int = 0
    examples: list[str] = field(default_factory=list)
    documents: int = 0
    characters: int = 0

    def note(self, document: "_Document") -> None:
        """Remember a document as an example, if there is room."""
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"row {document.source_row} of {document.source_file}")


@dataclass(frozen=True)
class ComparedShards:
    """The shards that can be compared.

    Attributes:
        usable: By shard, its refinement in each corpus, in the order of the corpora.
        left_out: The others, each with the reason.
    """

    usable: Mapping[str, tuple[RefinedShard, ...]]
    left_out: Mapping[str, str]


def compared_shards(lake: Lake, corpora: Sequence[str]) -> ComparedShards:
    """Return the shards whose refinement is finished and current in every corpus.

    Raises:
        ComparisonError: The lake lacks a corpus, or no shard can be compared.
        LakeError: The lake cannot be listed.
    """
    present = lake.corpora()
    lacking = [corpus for corpus in corpora if corpus not in present]
    if lacking:
        raise ComparisonError(
            f"the lake {lake.url} has no corpus {', '.join(lacking)}; it has: {', '.join(present) or 'none'}. "
            "`prox compare NAME FILES --refiners ...` refines and compares"
        )
    shards = {corpus: set(lake.shards(corpus, Table.DOCUMENTS)) for corpus in corpora}
    usable: dict[str, tuple[RefinedShard, ...]] = {}
    left_out: dict[str, str] = {}
    for shard in sorted(set().union(*shards.values())):
        absent = [corpus for corpus in corpora if shard not in shards[corpus]]
        if absent:
            left_out[shard] = f"not in {', '.join(absent)}"
            continue
        try:
            usable[shard] = tuple(_finished(lake, corpus, shard) for corpus in corpora)
        except RetryableLakeError:
            raise
        except (StageError, LakeError) as error:
            left_out[shard] = str(error)
    if not usable:
        why = "; ".join(f"{shard}: {reason}" for shard, reason in [*left_out.items()][:EXAMPLES])
        raise ComparisonError(
            f"{' and '.join(corpora)} have no shard in common that is refined and current ({why or 'none has any'}). "
            "Refine them from the same files, cut into the same shards"
        )
    return ComparedShards(usable, left_out)


def _finished(lake: Lake, corpus: str, shard: str) -> RefinedShard:
    found = refined_shard(lake, corpus, shard)
    if lake.info(corpus, Table.CHUNK_OUTCOMES, shard) is None:
        raise ComparisonError(
            f"an earlier release executed shard {shard!r} of corpus {corpus}, and did not note which lines were "
            "removed: execute it again"
        )
    for table in (Table.REFINED, Table.CHUNK_OUTCOMES, Table.EDITS):
        lake.require(corpus, table, shard, found.identity)
    return found


def matched_documents(lake: Lake, refined: Sequence[RefinedShard], apart: Sequence[Apart]) -> Iterator[MatchedDocument]:
    """Yield the documents of a shard that all corpora have, in the order of rows.

    Args:
        lake: The lake.
        refined: The shard's refinement in each corpus.
        apart: Counts, for each corpus, the documents that are not yielded, and the characters of all.

    Raises:
        LakeError: A file is damaged, or was replaced meanwhile.
        ComparisonError: The tables of a shard do not line up.
    """
    streams = [
        _documents(lake, one, counts, with_text=not place)
        for place, (one, counts) in enumerate(zip(refined, apart, strict=True))
    ]
    heads = [next(stream, None) for stream in streams]
    while any(heads):
        first = min(head.source_row for head in heads if head is not None)
        here = [head is not None and head.source_row == first for head in heads]
        found = [head for head in heads if head is not None and head.source_row == first]
        same = len({(one.source_file, one.text_hash) for one in found}) == 1
        if all(here) and same:
            yield MatchedDocument(found[0].raw(), tuple(one.refined for one in found))
        else:
            for place, head in enumerate(heads):
                if head is None or not here[place]:
                    continue
                if all(here):
                    apart[place].other_text += 1
                else:
                    apart[place].missing_elsewhere += 1
                apart[place].note(head)
        heads = [next(streams[place], None) if here[place] else head for place, head in enumerate(heads)]


@dataclass(frozen=True, slots=True)
class _Document:
    """A document of one corpus; text, url and metadata are read in the first corpus alone."""

    source_file: str
    source_row: int
    text_hash: str
    refined: Refined
    text: str | None = None
    url: str | None = None
    metadata: str | None = None

    def raw(self) -> RawDocument:
        return RawDocument(self.source_file, self.source_row, self.text_hash, self.text or "", self.url, self.metadata)


def _documents(lake: Lake, of: RefinedShard, counts: Apart, *, with_text: bool) -> Iterator[_Document]:
    columns = ["doc_id", "source_file", "source_row", "text_hash", *(("text", "url", "metadata") if with_text else ())]
    documents = _rows(lake, of, Table.DOCUMENTS, columns)
    outcomes = _rows(lake, of, Table.OUTCOMES, ["doc_id", "outcome", "reason", "characters_before", "characters_after"])
    texts = _Aligned(_rows(lake, of, Table.REFINED, ["source_row", "text", "refined_hash"]))
    chunks = _Aligned(_rows(lake, of, Table.CHUNK_OUTCOMES, ["source_row", "verdict", "removed_lines"]))
    rewrites = _Aligned(_recorded_rewrites(lake, of))
    for document, judged in zip_longest(documents, outcomes):
        if document is None or judged is None or document[0] != judged[0]:
            raise ComparisonError(
                f"outcomes of shard {of.shard!r} of corpus {of.corpus} does not line up with its documents: rows are "
                "missing or doubled. Materialize refined_shards again"
            )
        doc_id, source_file, row, text_hash, *rest = document
        _, outcome, reason, before, after = judged
        counts.documents += 1
        counts.characters += before
        text = next(iter(texts.of(row)), None)
        kept = Outcome(outcome) in KEPT_OUTCOMES
        if kept and text is None:
            raise ComparisonError(
                f"the refined text of document {doc_id} of corpus {of.corpus} is missing: materialize refined_shards "
                f"of {of.shard!r} again"
            )
        programs = chunks.of(row)
        edited = outcome == Outcome.KEPT_EDITED
        refined = Refined(
            doc_id,
            Outcome(outcome),
            reason,
            after,
            text[1] if kept and text else None,
            text[2] if kept and text else None,
            tuple(
                (lines["line_start"], lines["line_end"])
                for program in (programs if edited else ())
                for lines in program[2] or ()
            ),
            tuple(program[1] for program in programs),
            len(rewrites.of(row)),
        )
        yield _Document(source_file, row, text_hash, refined, *rest)


def _rows(lake: Lake, of: RefinedShard, table: Table, columns: Sequence[str]) -> Iterator[Row]:
    is_input = table is Table.DOCUMENTS
    identity, execution = (of.documents, None) if is_input else (of.identity, of.execution)
    for frame in lake.frames(of.corpus, table, of.shard, columns, identity, execution):
        yield from frame.iter_rows()


def _recorded_rewrites(lake: Lake, of: RefinedShard) -> Iterator[Row]:
    columns = ["source_row", "status"]
    for frame in lake.frames(of.corpus, Table.EDITS, of.shard, columns, of.identity, of.execution):
        yield from frame.filter(pl.col("status") == EditStatus.RECORDED).iter_rows()


class _Aligned:
    """Rows of a table with none, one or several for each document, by source_row, which comes first in them."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._groups = groupby(rows, key=lambda row: row[0])
        self._head = next(self._groups, None)

    def of(self, source_row: int) -> list[Row]:
        """Return the rows of a document; documents are asked for in order."""
        if self._head is None or self._head[0] != source_row:
            return []
        found = list(self._head[1])
        self._head = next(self._groups, None)
        return found
