"""Reads the tables of one shard side by side, and checks that their files belong together.

All tables are in the order of source_row, so rows are streamed.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import Any

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.stages.run import StageError, StaleInputError

Row = dict[str, Any]


def current_decisions(lake: Lake, corpus: str, shard: str, identity: str | None = None) -> tuple[FileInfo, FileInfo]:
    """Check that documents and document programs belong together; return the file info of both.

    Args:
        lake: The lake.
        corpus: The corpus.
        shard: The shard.
        identity: The identity that the document programs must have; None for any.

    Raises:
        MissingTableError: One of them is missing.
        ReplacedTableError: The document programs have another identity.
        StaleInputError: They were written for other documents.
    """
    documents = lake.require(corpus, Table.DOCUMENTS, shard)
    decisions = lake.require(corpus, Table.DOC_PROGRAMS, shard, identity)
    if decisions.notes["documents"] != documents.identity:
        raise StaleInputError(
            f"the documents of shard {shard!r} have been read again since doc_programs was written; materialize "
            "doc_programs and chunk_programs again"
        )
    return documents, decisions


def current_chunk_programs(lake: Lake, corpus: str, shard: str) -> FileInfo:
    """Check that documents, decisions and chunk programs belong together; return the chunk programs' file info.

    Raises:
        MissingTableError: One of them is missing.
        StaleInputError: Programs were written for other documents or decisions.
    """
    documents, decisions = current_decisions(lake, corpus, shard)
    chunks = lake.require(corpus, Table.CHUNK_PROGRAMS, shard)
    if chunks.notes["documents"] != documents.identity or chunks.notes["doc_programs"] != decisions.identity:
        raise StaleInputError(
            f"chunk_programs of shard {shard!r} was written for other documents or decisions; materialize "
            "chunk_programs again (rows of unchanged documents are reused)"
        )
    return chunks


def inputs_of_execution(chunks: FileInfo) -> dict[Table, str]:
    """Return the identities of an execution's inputs, given the file of `chunk_programs`."""
    return {
        Table.DOCUMENTS: chunks.notes["documents"],
        Table.DOC_PROGRAMS: chunks.notes["doc_programs"],
        Table.CHUNK_PROGRAMS: chunks.identity,
    }


def documents_with_decisions(
    lake: Lake, corpus: str, shard: str, inputs: Mapping[Table, str], document_columns: Sequence[str] | None = None
) -> Iterator[tuple[Row, Row]]:
    """Yield each document of a shard with its row of doc_programs.

    Args:
        lake: The lake.
        corpus: The corpus.
        shard: The shard.
        inputs: The identities that the files must have.
        document_columns: Columns of the documents, doc_id and source_row among them; None for all.

    Raises:
        ReplacedTableError: A file has another identity.
        StageError: The files do not hold the same documents in the same order.
    """
    documents = lake.rows(corpus, Table.DOCUMENTS, shard, document_columns, inputs[Table.DOCUMENTS])
    columns = ["doc_id", "program", "keep_probability", "finish_reason", "skip_reason", "error"]
    decisions = lake.rows(corpus, Table.DOC_PROGRAMS, shard, columns, inputs[Table.DOC_PROGRAMS])
    for document, decision in zip_longest(documents, decisions):
        if document is None or decision is None or decision["doc_id"] != document["doc_id"]:
            raise StageError(
                f"doc_programs of shard {shard!r} does not line up with its documents: rows are missing or "
                "doubled. Infer doc_programs again, with force"
            )
        yield document, decision


def documents_with_programs(
    lake: Lake, corpus: str, shard: str, inputs: Mapping[Table, str], document_columns: Sequence[str] | None = None
) -> Iterator[tuple[Row, Row, list[Row]]]:
    """Yield each document with its row of doc_programs and its rows of chunk_programs; see documents_with_decisions."""
    programs = lake.rows(corpus, Table.CHUNK_PROGRAMS, shard, identity=inputs[Table.CHUNK_PROGRAMS])
    groups = groupby(programs, key=lambda row: row["source_row"])
    head = next(groups, None)
    for document, decision in documents_with_decisions(lake, corpus, shard, inputs, document_columns):
        chunks: list[Row] = []
        if head is not None and head[0] == document["source_row"]:
            chunks = list(head[1])
            head = next(groups, None)
        yield document, decision, chunks
