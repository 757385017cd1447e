"""Asset `chunk_programs`: chunk-level programs for every document that the document level may keep.

The chunk refiner's `chunk_floor` decides which documents are admitted, rather than the execution threshold, so moving
the threshold above the floor needs no inference. Rows of an earlier file are reused if text and chunk refiner are the
same: a new document refiner costs only the newly admitted documents.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.programs import decide_document
from prox_assets.refiners.protocol import ChunkPrograms, RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.aligned_rows import documents_with_decisions, inputs_of_chunk_programs
from prox_assets.stages.identities import chunk_programs_identity
from prox_assets.stages.inference.program_table import InferenceSummary, ProgramTable
from prox_assets.stages.inference.windows import Row
from prox_assets.stages.run import ShardRun, StaleInputError

ASSET = "chunk_programs"

_REUSED_COLUMNS = [name for name in SCHEMAS[Table.CHUNK_PROGRAMS].names if name not in ("corpus", "shard")]


@dataclass(frozen=True, slots=True)
class _Document:
    """One document: the request, and its rows if they are known (an empty list if it is not admitted)."""

    request: RefinerInput
    text_hash: str
    source_row: int
    known_rows: list[Row] | None


def write_chunk_programs(run: ShardRun, session: RefinerSession, doc_programs: str | None = None) -> InferenceSummary:
    """Infer a shard's chunk programs: resume where a killed run stopped, and do nothing if the file is current.

    Args:
        run: The shard and its run.
        session: The chunk refiner; its model is loaded only when something must be inferred.
        doc_programs: Identity of the document programs to work from; None for whichever are in the lake.

    Raises:
        MissingTableError: The shard's documents or document programs are missing.
        StaleInputError: The document programs were written for other documents.
        ReplacedTableError: The document programs do not have the requested identity, or were rewritten meanwhile.
        InferenceFailedError: Every document failed.
        EngineError: The engine died or stalled; finished windows are kept for the next run.
    """
    documents = run.lake.require(run.corpus, Table.DOCUMENTS, run.shard)
    decisions = run.lake.require(run.corpus, Table.DOC_PROGRAMS, run.shard, doc_programs)
    if decisions.notes["documents"] != documents.identity:
        raise StaleInputError(
            f"doc_programs of shard {run.shard!r} was written for documents that have been read anew since; "
            "materialize doc_programs again"
        )
    inputs = inputs_of_chunk_programs(decisions)
    refiner = session.fingerprint
    floor = run.plan.chunk_floor
    identity = chunk_programs_identity(refiner, decisions.identity, floor)
    programs = ProgramTable(run, Table.CHUNK_PROGRAMS, refiner, identity, documents.rows)
    with run.lease(ASSET) as lease:
        finished = programs.finished()
        if finished is not None:
            return finished
        earlier = run.lake.info(run.corpus, Table.CHUNK_PROGRAMS, run.shard)
        reuse = earlier is not None and earlier.fingerprint == refiner and not run.force
        notes = {
            "documents": documents.identity,
            "doc_programs": decisions.identity,
            "chunk_floor": floor,
            "refiner": session.describe(),
        }

        def before_publish() -> None:
            lease.check()
            run.check_inputs(inputs)

        with session.restarting_after_engine_errors():
            return programs.infer(
                _work(run, inputs, floor, _EarlierRows(run) if reuse else None),
                lambda requests: session.chunk_refiner().write_programs(requests),
                _rows,
                notes,
                before_publish,
            )


def _work(
    run: ShardRun, inputs: Mapping[Table, str], floor: float, earlier: "_EarlierRows | None"
) -> Iterator[_Document]:
    """Walk documents and their decisions; a document below the floor has no chunk programs."""
    admission = replace(run.plan.policy, doc_keep_threshold=floor)
    columns = ["doc_id", "text", "text_hash", "source_row"]
    for document, decision in documents_with_decisions(run.lake, run.corpus, run.shard, inputs, columns):
        admitted = (
            decision["error"] is None
            and decide_document(document["text"], decision["program"], decision["keep_probability"], admission).keep
        )
        known: list[Row] | None = None
        if not admitted:
            known = []
        elif earlier is not None:
            known = earlier.take(document["source_row"], document["text_hash"])
        request = RefinerInput(document["doc_id"], document["text"])
        yield _Document(request, document["text_hash"], document["source_row"], known)


def _rows(document: _Document, result: ChunkPrograms) -> list[Row]:
    """Turn a result into rows; a failed document gets one row that covers all its lines and holds the error."""
    common = {
        "doc_id": result.doc_id,
        "source_row": document.source_row,
        "text_hash": document.text_hash,
        "error": result.error,
    }
    if result.error is not None:
        whole = {
            "chunk_index": 0,
            "line_start": 0,
            "line_end": document.request.text.count("\n"),
            "program": None,
            "line_keep_probabilities": None,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "finish_reason": "error",
            "skip_reason": None,
        }
        return [{**common, **whole}]
    return [
        {
            **common,
            "chunk_index": row.chunk_index,
            "line_start": row.line_start,
            "line_end": row.line_end,
            "program": row.program,
            "line_keep_probabilities": row.line_keep_probabilities,
            "prompt_tokens": row.prompt_tokens,
            "completion_tokens": row.completion_tokens,
            "finish_reason": row.finish_reason,
            "skip_reason": row.skip_reason,
        }
        for row in result.rows
    ]


class _EarlierRows:
    """The rows of the file that is about to be replaced, read in step with the documents."""

    def __init__(self, run: ShardRun) -> None:
        rows = run.lake.rows(run.corpus, Table.CHUNK_PROGRAMS, run.shard, _REUSED_COLUMNS)
        self._groups = groupby(rows, key=lambda row: row["source_row"])
        self._head: tuple[int, list[dict[str, Any]]] | None = None
        self._advance()

    def _advance(self) -> None:
        head = next(self._groups, None)
        self._head = (head[0], list(head[1])) if head is not None else None

    def take(self, source_row: int, text_hash: str) -> list[Row] | None:
        """Return the rows inferred earlier for the same text in the same place, or None."""
        while self._head is not None and self._head[0] < source_row:
            self._advance()
        if self._head is None or self._head[0] != source_row:
            return None
        rows = self._head[1]
        usable = all(row["text_hash"] == text_hash and row["error"] is None for row in rows)
        return rows if usable else None
