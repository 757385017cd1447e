"""Asset `chunk_programs`: chunk-level programs for every document that the document level may keep.

`chunk_floor` admits documents, not the execution threshold, so a threshold above the floor can move without inference.
Rows of an earlier file are reused if text and chunk refiner are the same: a new document refiner costs only the
documents that it newly admits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import groupby
from typing import Any

from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.programs import decide_document
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.aligned_rows import current_decisions, documents_with_decisions
from prox_assets.stages.inference.program_table import InferenceSummary, write_program_table
from prox_assets.stages.inference.windows import Row, Work
from prox_assets.stages.run import ShardRun
from prox_assets.stages.states.identities import chunk_programs_identity

ASSET = "chunk_programs"

_ANSWER_COLUMNS = [field.name for field in fields(ChunkProgramRow)]
_REUSED_COLUMNS = [name for name in SCHEMAS[Table.CHUNK_PROGRAMS].names if name not in ("corpus", "shard")]


def write_chunk_programs(run: ShardRun, session: RefinerSession, doc_programs: str | None = None) -> InferenceSummary:
    """Infer a shard's chunk programs: resume where a killed run stopped, and do nothing if the file is current.

    Args:
        run: The shard and its run.
        session: The chunk refiner; its model is loaded only when something must be inferred.
        doc_programs: Identity that the document programs must have; None for any.

    Raises:
        MissingTableError: The shard's documents or document programs are missing.
        StaleInputError: The document programs were written for other documents.
        ReplacedTableError: The document programs do not have the requested identity, or were rewritten meanwhile.
        InferenceFailedError: Every document failed.
        EngineError: The engine died or stalled; finished windows are kept for the next run.
    """
    documents, decisions = current_decisions(run.lake, run.corpus, run.shard, doc_programs)
    inputs = {Table.DOCUMENTS: documents.identity, Table.DOC_PROGRAMS: decisions.identity}
    floor = run.plan.chunk_floor

    def work() -> Iterator[Work]:
        earlier = run.lake.info(run.corpus, Table.CHUNK_PROGRAMS, run.shard)
        reuse = earlier is not None and earlier.fingerprint == session.fingerprint and not run.force
        return _work(run, inputs, floor, _EarlierRows(run) if reuse else None)

    return write_program_table(
        run,
        session,
        Table.CHUNK_PROGRAMS,
        identity=chunk_programs_identity(session.fingerprint, decisions.identity, floor),
        inputs=inputs,
        documents=documents.rows,
        work=work,
        write_programs=lambda requests: session.chunk_refiner().write_programs(requests),
        rows_of=_rows,
        notes={"documents": documents.identity, "doc_programs": decisions.identity, "chunk_floor": floor},
    )


def _work(run: ShardRun, inputs: Mapping[Table, str], floor: float, earlier: "_EarlierRows | None") -> Iterator[Work]:
    """Yield every document; one below the floor has no chunk programs."""
    # Strict mode keeps whatever reference mode keeps, so the mode can be changed without inference.
    admission = replace(run.plan.policy, doc_keep_threshold=floor, mode="strict")
    columns = ["doc_id", "text", "text_hash", "source_row"]
    for document, decision in documents_with_decisions(run.lake, run.corpus, run.shard, inputs, columns):
        known: list[Row] | None = None
        if (
            decision["error"] is not None
            or not decide_document(
                document["text"],
                decision["program"],
                decision["keep_probability"],
                admission,
                decision["skip_reason"],
            ).keep
        ):
            known = []
        elif earlier is not None:
            known = earlier.take(document["source_row"], document["text_hash"])
        request = RefinerInput(document["doc_id"], document["text"])
        yield Work(request, document["text_hash"], document["source_row"], known)


def _rows(document: Work, result: ChunkPrograms) -> list[Row]:
    """Turn a result into rows; a failed document gets one row that covers all its lines and holds the error."""
    common = {
        "doc_id": result.doc_id,
        "source_row": document.source_row,
        "text_hash": document.text_hash,
        "error": result.error,
    }
    whole = ChunkProgramRow(
        chunk_index=0, line_start=0, line_end=document.request.text.count("\n"), finish_reason="error"
    )
    answers = result.rows if result.error is None else (whole,)
    return [{**common, **{name: getattr(answer, name) for name in _ANSWER_COLUMNS}} for answer in answers]


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
