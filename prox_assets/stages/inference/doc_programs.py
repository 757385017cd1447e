"""Asset `doc_programs`: a document-level program, or a scored decision, for every document of a shard."""

from collections.abc import Iterator
from dataclasses import dataclass

from prox_assets.lake.schemas import Table
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.identities import doc_programs_identity
from prox_assets.stages.inference.program_table import InferenceSummary, ProgramTable
from prox_assets.stages.inference.windows import Row
from prox_assets.stages.run import ShardRun

ASSET = "doc_programs"


@dataclass(frozen=True, slots=True)
class _Document:
    """One document to judge; none of its rows are known yet."""

    request: RefinerInput
    text_hash: str
    source_row: int
    known_rows: None = None


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
    refiner = session.fingerprint
    identity = doc_programs_identity(refiner, documents.identity)
    programs = ProgramTable(run, Table.DOC_PROGRAMS, refiner, identity, documents.rows)
    with run.lease(ASSET) as lease:
        finished = programs.finished()
        if finished is not None:
            return finished

        def before_publish() -> None:
            lease.check()
            run.check_inputs({Table.DOCUMENTS: documents.identity})

        with session.restarting_after_engine_errors():
            return programs.infer(
                _work(run, documents.identity),
                lambda requests: session.document_refiner().write_programs(requests),
                _rows,
                {"documents": documents.identity, "refiner": session.describe()},
                before_publish,
            )


def _work(run: ShardRun, documents: str) -> Iterator[_Document]:
    columns = ["doc_id", "text", "text_hash", "source_row"]
    for row in run.lake.rows(run.corpus, Table.DOCUMENTS, run.shard, columns, documents):
        yield _Document(RefinerInput(row["doc_id"], row["text"]), row["text_hash"], row["source_row"])


def _rows(document: _Document, result: DocumentProgram) -> list[Row]:
    row = {
        "doc_id": result.doc_id,
        "source_row": document.source_row,
        "text_hash": document.text_hash,
        "program": result.program,
        "keep_probability": result.keep_probability,
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "truncated": result.truncated,
        "finish_reason": result.finish_reason,
        "error": result.error,
    }
    return [row]
