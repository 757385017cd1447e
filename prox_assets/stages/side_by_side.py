"""Walking a shard's tables side by side: all are in the order of source_row, so that none need be loaded."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from prox_assets.lake.schemas import Table
from prox_assets.stages.run import ShardRun, StageError

Row = dict[str, Any]


def documents_with_decisions(run: ShardRun, document_columns: Sequence[str] | None = None) -> Iterator[tuple[Row, Row]]:
    """Yield each document of a shard with its row of doc_programs.

    Args:
        run: The shard.
        document_columns: Columns of the documents, doc_id among them; None for all.

    Raises:
        StageError: The two files do not hold the same documents in the same order.
    """
    documents = run.lake.rows(run.corpus, Table.DOCUMENTS, run.shard, document_columns)
    columns = ["doc_id", "program", "keep_probability", "finish_reason", "error"]
    decisions = run.lake.rows(run.corpus, Table.DOC_PROGRAMS, run.shard, columns)
    for document, decision in zip_longest(documents, decisions):
        if document is None or decision is None or decision["doc_id"] != document["doc_id"]:
            raise StageError(
                f"doc_programs of shard {run.shard!r} does not line up with its documents: rows are missing or "
                "doubled. Infer doc_programs again, with force"
            )
        yield document, decision
