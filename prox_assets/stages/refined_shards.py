"""Asset `refined_shards`: programs applied to documents; the tables refined, outcomes, edits and policies.

No model is involved: a changed threshold or executor runs this stage alone. The tables of one execution carry one
execution_id, and the shard's manifest, put last, makes them visible together.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from prox_assets.corpora.document import text_hash
from prox_assets.lake.lake import TableWriter
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.programs import (
    Chunk,
    ChunkProgram,
    DocumentDecision,
    DocumentReason,
    ExecutionPolicy,
    Refinement,
    decide_document,
    execute,
    stored_program,
)
from prox_assets.stages.identities import refined_identity
from prox_assets.stages.run import ShardRun, StageError, StaleInputError
from prox_assets.stages.side_by_side import documents_with_decisions

ASSET = "refined_shards"

Row = dict[str, Any]


@dataclass(frozen=True)
class RefinementSummary:
    """What an execution made of a shard: documents by outcome, and the text before and after."""

    documents: int
    outcomes: dict[str, int]
    characters_before: int
    characters_after: int
    operations_applied: int
    operations_failed: int
    execution_id: str


@dataclass(frozen=True, slots=True)
class _Result:
    """One document's fate; `text` is set exactly for the kept."""

    outcome: Outcome
    reason: str | None
    text: str | None
    refinement: Refinement | None = None


def refine_shard(run: ShardRun) -> RefinementSummary:
    """Execute a shard's programs and publish the result as one execution.

    Raises:
        MissingTableError: Documents or programs are not there.
        StaleInputError: The programs were written for other documents or decisions, or below the chunk floor.
    """
    chunk_programs = _checked_inputs(run)
    identity = refined_identity(run.plan, chunk_programs)
    execution_id = uuid.uuid4().hex
    counts = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    characters_before = characters_after = applied = failed = 0
    stamp = run.stamp(run.plan.execution_fingerprint, identity, execution_id)
    tables = [Table.REFINED, Table.OUTCOMES, Table.EDITS, Table.POLICIES]
    with run.lease(ASSET) as lease:
        with run.lake.write(run.corpus, run.shard, tables, stamp, lease.check) as [refined, outcomes, edits, policies]:
            total = run.lake.require(run.corpus, Table.DOCUMENTS, run.shard).rows
            for document, decision, chunks in _documents(run):
                result = _refine(document, decision, chunks, run.plan.execution_policy)
                place = {"doc_id": document["doc_id"], "source_row": document["source_row"]}
                counts[result.outcome] += 1
                outcome = _outcome_row(document["text"], result)
                characters_before += outcome["characters_before"]
                characters_after += outcome["characters_after"]
                applied += outcome["operations_applied"]
                failed += outcome["operations_failed"]
                outcomes.write({**place, **outcome})
                _write_edits(edits, place, result)
                if result.text is not None:
                    refined.write(
                        {
                            **place,
                            "text": result.text,
                            "url": document["url"],
                            "metadata": document["metadata"],
                            "raw_hash": document["text_hash"],
                            "refined_hash": text_hash(result.text),
                        }
                    )
                if outcomes.rows % 500 == 0:
                    run.progress(outcomes.rows, total)
            policies.write(
                {"execution_fingerprint": run.plan.execution_fingerprint, "configuration": _configuration(run)}
            )
            outcomes.notes.update(execution_id=execution_id, chunk_programs=chunk_programs)
            rows = {"refined": refined.rows, "outcomes": outcomes.rows, "edits": edits.rows}
        run.lake.write_manifest(run.corpus, run.shard, execution_id, run.run_id, rows)
        run.progress(total, total)
    return RefinementSummary(
        documents=total,
        outcomes=counts,
        characters_before=characters_before,
        characters_after=characters_after,
        operations_applied=applied,
        operations_failed=failed,
        execution_id=execution_id,
    )


def _checked_inputs(run: ShardRun) -> str:
    """Check that documents, decisions and chunk programs belong together; return the chunk programs' identity."""
    documents = run.lake.require(run.corpus, Table.DOCUMENTS, run.shard)
    decisions = run.lake.require(run.corpus, Table.DOC_PROGRAMS, run.shard)
    chunks = run.lake.require(run.corpus, Table.CHUNK_PROGRAMS, run.shard)
    if decisions.notes["documents"] != documents.identity:
        raise StaleInputError(
            f"doc_programs of shard {run.shard!r} was written for documents that have been read anew since; "
            "materialize doc_programs and chunk_programs again"
        )
    if chunks.notes["documents"] != documents.identity or chunks.notes["doc_programs"] != decisions.identity:
        raise StaleInputError(
            f"chunk_programs of shard {run.shard!r} was written for other documents or decisions; "
            "materialize chunk_programs again (rows of unchanged documents are used again)"
        )
    floor = chunks.notes["chunk_floor"]
    if run.plan.policy.doc_keep_threshold < floor:
        raise StaleInputError(
            f"doc_keep_threshold {run.plan.policy.doc_keep_threshold} is below the chunk_floor {floor} that "
            f"chunk_programs of shard {run.shard!r} was inferred with; materialize chunk_programs again"
        )
    return chunks.identity


def _documents(run: ShardRun) -> Iterator[tuple[Row, Row, list[Row]]]:
    """Walk documents, decisions and chunk programs side by side; all are in the order of source_row."""
    chunk_rows = run.lake.rows(run.corpus, Table.CHUNK_PROGRAMS, run.shard)
    groups = groupby(chunk_rows, key=lambda row: row["source_row"])
    head = next(groups, None)
    for document, decision in documents_with_decisions(run):
        chunks: list[Row] = []
        if head is not None and head[0] == document["source_row"]:
            chunks = list(head[1])
            head = next(groups, None)
        yield document, decision, chunks


def _refine(document: Row, decision: Row, chunks: list[Row], policy: ExecutionPolicy) -> _Result:
    """Decide one document's fate."""
    text = document["text"]
    if decision["error"] is not None:
        return _Result(Outcome.QUARANTINED, f"document level: {decision['error']}", None)
    verdict = decide_document(text, decision["program"], decision["keep_probability"], policy)
    if not verdict.keep:
        return _Result(Outcome.DROPPED_BY_DOCUMENT, _drop_reason(decision["program"], verdict), None)
    for chunk in chunks:
        if chunk["error"] is not None:
            return _Result(Outcome.QUARANTINED, f"chunk level: {chunk['error']}", None)
    if not chunks:
        raise StageError(f"document {document['doc_id']} is kept but has no chunk programs; materialize chunk_programs")
    refinement = execute(text, [_chunk_program(chunk, policy) for chunk in chunks], policy)
    outcome = Outcome(refinement.outcome)
    kept = outcome in KEPT_OUTCOMES
    return _Result(outcome, refinement.reason or verdict.reason, refinement.text if kept else None, refinement)


def _drop_reason(program: str | None, verdict: DocumentDecision) -> str | None:
    """Say why a document was dropped: a program that gives its reason as a comment says more than drop_doc."""
    if verdict.reason is DocumentReason.DROP_DOC and program is not None and "#" in program:
        return program.partition("#")[2].strip() or verdict.reason
    return verdict.reason


def _chunk_program(row: Row, policy: ExecutionPolicy) -> ChunkProgram:
    chunk = Chunk(row["chunk_index"], row["line_start"], row["line_end"], row["skip_reason"])
    return stored_program(chunk, row["program"], row["line_keep_probabilities"], row["finish_reason"], policy)


def _outcome_row(text: str, result: _Result) -> Row:
    refinement = result.refinement
    kept = result.text
    return {
        "outcome": result.outcome.value,
        "reason": result.reason,
        "characters_before": len(text),
        "characters_after": len(kept) if kept is not None else 0,
        "lines_before": text.count("\n") + 1,
        "lines_after": kept.count("\n") + 1 if kept is not None else 0,
        "operations_applied": refinement.operations_applied if refinement else 0,
        "operations_failed": refinement.operations_failed if refinement else 0,
    }


def _write_edits(edits: TableWriter, place: Row, result: _Result) -> None:
    for edit in result.refinement.edits if result.refinement else ():
        edits.write(
            {
                **place,
                "chunk_index": edit.chunk_index,
                "position": edit.position,
                "operation": edit.operation,
                "arguments": edit.arguments,
                "status": str(edit.status),
                "characters_removed": edit.characters_removed,
                "characters_added": edit.characters_added,
            }
        )


def _configuration(run: ShardRun) -> str:
    """Everything that trace and replay need, as JSON."""
    plan = run.plan
    return json.dumps(
        {
            "policy": plan.execution_policy.as_dict(),
            "refiners": plan.refiners.model_dump(mode="json"),
        },
        sort_keys=True,
    )
