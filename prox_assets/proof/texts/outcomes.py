"""What a refiner made of the documents of a shard, for arms whose refined text may be in another corpus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from prox_assets.lake.chain import CHAIN, State, chain_states
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, WRITTEN_BY, Table
from prox_assets.proof.errors import ProofError

_PLACE = ["source_file", "source_row"]


@dataclass(frozen=True)
class RefinedShard:
    """A shard whose refinement is finished and fits its documents.

    Attributes:
        corpus: Corpus of the lake.
        shard: Its shard.
        execution: The execution that the shard's manifest names.
        documents: Identity of its documents.
        identity: Identity of `outcomes` and `refined`.
    """

    corpus: str
    shard: str
    execution: str
    documents: str
    identity: str


def refined_shard(lake: Lake, corpus: str, shard: str) -> RefinedShard:
    """Return a shard's refinement.

    Raises:
        ProofError: There is none, or it is out of date.
    """
    files = {table: lake.info(corpus, table, shard) for table in CHAIN}
    documents, outcomes = files[Table.DOCUMENTS], files[Table.OUTCOMES]
    if documents is None:
        raise ProofError(
            f"corpus {corpus} has no shard {shard!r} in the lake {lake.url}: an arm takes refined text from corpora "
            "that were read from the same files, cut into the same shards; `prox refine` makes such a corpus"
        )
    execution = lake.execution(corpus, shard)
    # Whether the raw file has changed since is for those to say who list it.
    states = chain_states(files, documents.notes.get("source_version"), execution)
    for table, state in states.items():
        if state is not State.DONE:
            raise ProofError(
                f"{WRITTEN_BY[table]} of shard {shard!r} of corpus {corpus} is {state}: run `prox refine` for the "
                f"corpus again, or materialize {WRITTEN_BY[table]} and what follows it for that shard"
            )
    if outcomes is None or execution is None:  # chain_states has said otherwise
        raise AssertionError(shard)
    return RefinedShard(corpus, shard, execution, documents.identity, outcomes.identity)


def outcomes_of(lake: Lake, corpus: str, documents: str, refined: RefinedShard) -> pl.DataFrame:
    """Return what became of each document of a shard, by the doc_id that it has in a corpus of the proof.

    Documents of two corpora are the same if they stand in the same row of the same source file and have the same text.

    Args:
        lake: The lake.
        corpus: The corpus of the proof.
        documents: Identity of its documents in the shard.
        refined: The same shard of the corpus that holds the refinement.

    Returns:
        doc_id, refined_doc_id, outcome, reason, characters_after.

    Raises:
        ProofError: A document is missing there, or has another text.
        ReplacedTableError: Another run has replaced a file meanwhile.
    """
    columns = ["doc_id", "outcome", "reason", "characters_after"]
    frames = lake.frames(refined.corpus, Table.OUTCOMES, refined.shard, columns, refined.identity, refined.execution)
    outcomes = _whole(frames, Table.OUTCOMES, columns).rename({"doc_id": "refined_doc_id"})
    if refined.corpus == corpus:
        return outcomes.with_columns(doc_id=pl.col("refined_doc_id"))
    there = _places(lake, refined.corpus, refined.shard, refined.documents).rename(
        {"doc_id": "refined_doc_id", "text_hash": "refined_text_hash"}
    )
    pairs = _places(lake, corpus, refined.shard, documents).join(there, on=_PLACE, how="left", maintain_order="left")
    wrong = pairs.filter(pl.col("text_hash").ne_missing(pl.col("refined_text_hash")))
    if wrong.height:
        row = wrong.row(0, named=True)
        what = "has another text" if row["refined_text_hash"] else "is missing"
        raise ProofError(
            f"document {row['doc_id']} of corpus {corpus} (row {row['source_row']} of {row['source_file']}) {what} in "
            f"corpus {refined.corpus}, as are {wrong.height - 1} more of shard {refined.shard!r}: read both corpora "
            "from the same files with the same settings, and without --limit"
        )
    return pairs.select("doc_id", "refined_doc_id").join(outcomes, on="refined_doc_id", maintain_order="left")


def _places(lake: Lake, corpus: str, shard: str, identity: str) -> pl.DataFrame:
    columns = ["doc_id", *_PLACE, "text_hash"]
    return _whole(lake.frames(corpus, Table.DOCUMENTS, shard, columns, identity), Table.DOCUMENTS, columns)


def _whole(frames: Iterable[pl.DataFrame], table: Table, columns: Sequence[str]) -> pl.DataFrame:
    """Return a shard's rows as one frame, which may be empty."""
    kinds = pl.Schema(SCHEMAS[table])
    return pl.concat([pl.DataFrame(schema={name: kinds[name] for name in columns}), *frames])
