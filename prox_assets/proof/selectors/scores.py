"""A selector's scores of documents as a table of the lake, `_proofs/{proof}/selector_scores/{arm}.parquet`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.proofs import SELECTOR_SCORES_SCHEMA, scores_folder
from prox_assets.refiners.selector.protocol import Selector


@dataclass(frozen=True, slots=True)
class DocumentToScore:
    """A document and its place in the lake."""

    corpus: str
    shard: str
    doc_id: str
    source_row: int
    text: str


def scores_path(proof: str, arm: str) -> str:
    """Return the path of an arm's scores in the lake."""
    return f"{scores_folder(proof)}/{arm}.parquet"


def score_documents(selector: Selector, batches: Iterable[Sequence[DocumentToScore]]) -> pa.Table:
    """Return a row (SELECTOR_SCORES_SCHEMA) for each document, in their order; texts are not kept."""
    tables = []
    for batch in batches:
        scores = selector.score([document.text for document in batch])
        columns = {
            "corpus": [document.corpus for document in batch],
            "shard": [document.shard for document in batch],
            "doc_id": [document.doc_id for document in batch],
            "source_row": [document.source_row for document in batch],
            "selector": [selector.name] * len(batch),
            "score": scores,
            "reason": [f"{selector.measure}: {score:.6g}" for score in scores],
        }
        tables.append(pa.table(columns, schema=SELECTOR_SCORES_SCHEMA))
    return pa.concat_tables([SELECTOR_SCORES_SCHEMA.empty_table(), *tables])


def write_scores(lake: Lake, proof: str, arm: str, scores: pa.Table) -> None:
    """Write an arm's scores into the lake, atomically."""
    with lake.storage.new_files([scores_path(proof, arm)]) as [temporary]:
        pq.write_table(scores, temporary, compression="zstd")
