"""Asset `doc_programs`: a document-level program, or a scored decision, for every document of a shard."""

from collections.abc import Iterator
from dataclasses import fields

from prox_assets.lake.schemas import Table
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.inference.program_table import InferenceSummary, write_program_table
from prox_assets.stages.inference.windows import Row, Work
from prox_assets.stages.run import ShardRun
from prox_assets.stages.states.identities import doc_programs_identity

ASSET = "doc_programs"

_ANSWER_COLUMNS = [field.name for field in fields(DocumentProgram)]


def write_document_programs(run: ShardRun, session: RefinerSession) -> InferenceSummary:
    """Infer a shard's document programs: resume where a killed run stopped, and do nothing if the file is current.

    Args:
        run: The shard and its run.
        session: The document refiner; its model is loaded only when something must be inferred.

    Raises:
        MissingTableError: The shard's documents have not been read.
        ReplacedTableError: The documents have been read again meanwhile.
        InferenceFailedError: Every document failed.
        EngineError: The engine died or stalled; finished windows are kept for the next run.
    """
    documents = run.lake.require(run.corpus, Table.DOCUMENTS, run.shard)

    def work() -> Iterator[Work]:
        columns = ["doc_id", "text", "text_hash", "source_row"]
        for row in run.lake.rows(run.corpus, Table.DOCUMENTS, run.shard, columns, documents.identity):
            yield Work(RefinerInput(row["doc_id"], row["text"]), row["text_hash"], row["source_row"])

    return write_program_table(
        run,
        session,
        Table.DOC_PROGRAMS,
        identity=doc_programs_identity(session.fingerprint, documents.identity),
        inputs={Table.DOCUMENTS: documents.identity},
        documents=documents.rows,
        work=work,
        write_programs=lambda requests: session.document_refiner().write_programs(requests),
        rows_of=_rows,
        notes={"documents": documents.identity},
    )


def _rows(document: Work, result: DocumentProgram) -> list[Row]:
    answer = {name: getattr(result, name) for name in _ANSWER_COLUMNS}
    return [{"source_row": document.source_row, "text_hash": document.text_hash, **answer}]
