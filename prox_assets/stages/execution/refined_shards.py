"""Asset `refined_shards`: programs applied to documents; the tables refined, outcomes, chunk_outcomes, edits, policies.

No model is involved: a changed threshold or executor reruns only this stage. The tables of one execution share one
execution_id, and the shard's manifest, put in place last, makes them visible together.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from prox_assets.corpora.document import text_hash
from prox_assets.lake.schemas import EXECUTION_TABLES, Outcome, Table
from prox_assets.lake.table_files import FileInfo, TableWriter
from prox_assets.stages.aligned_rows import (
    chunk_programs_of_present_documents,
    documents_with_programs,
    inputs_of_execution,
)
from prox_assets.stages.execution.document_refinement import DocumentFate, refine_document
from prox_assets.stages.identities import refined_identity
from prox_assets.stages.run import ShardRun, StaleInputError

ASSET = "refined_shards"

Row = dict[str, Any]


@dataclass(frozen=True)
class RefinementSummary:
    """Totals of a shard's execution: documents by outcome, and the text before and after."""

    documents: int
    outcomes: dict[str, int]
    characters_before: int
    characters_after: int
    operations_applied: int
    operations_failed: int
    execution_id: str


def refine_shard(run: ShardRun, chunk_programs: str | None = None) -> RefinementSummary:
    """Execute a shard's programs and publish the result as one execution.

    Args:
        run: The shard and its run.
        chunk_programs: Identity of the chunk programs to execute; None for whichever are in the lake.

    Raises:
        MissingTableError: Documents or programs are missing.
        StaleInputError: The programs were written for other documents or decisions, or `doc_keep_threshold` is below
            their chunk floor.
        ReplacedTableError: The programs do not have the requested identity, or another run has replaced an input
            meanwhile.
        StageError: A kept document has no chunk programs, or the files do not line up.
    """
    programs = _checked_programs(run)
    if chunk_programs is not None:
        run.check_inputs({Table.CHUNK_PROGRAMS: chunk_programs})
    inputs = inputs_of_execution(programs)
    identity = refined_identity(run.plan, programs.identity)
    execution_id = uuid.uuid4().hex
    counts = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    characters_before = characters_after = applied = failed = 0
    stamp = run.stamp(run.plan.execution_fingerprint, identity, execution_id)
    tables = [*EXECUTION_TABLES, Table.POLICIES]
    with run.lease(ASSET) as lease:

        def before_publish() -> None:
            lease.check()
            run.check_inputs(inputs)

        with run.lake.write(run.corpus, run.shard, tables, stamp, before_publish) as [
            refined,
            outcomes,
            chunk_outcomes,
            edits,
            policies,
        ]:
            total = run.lake.require(run.corpus, Table.DOCUMENTS, run.shard).rows
            for document, decision, chunks in documents_with_programs(run.lake, run.corpus, run.shard, inputs):
                result = refine_document(document, decision, chunks, run.plan.execution_policy)
                place = {"doc_id": document["doc_id"], "source_row": document["source_row"]}
                counts[result.outcome] += 1
                outcome = _outcome_row(document["text"], result)
                characters_before += outcome["characters_before"]
                characters_after += outcome["characters_after"]
                applied += outcome["operations_applied"]
                failed += outcome["operations_failed"]
                outcomes.write({**place, **outcome})
                _write_chunk_outcomes(chunk_outcomes, place, result)
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
            outcomes.notes.update(execution_id=execution_id, chunk_programs=programs.identity)
            chunk_outcomes.notes.update(execution_id=execution_id)
            written = (refined, outcomes, chunk_outcomes, edits)
            rows = {table.value: writer.rows for table, writer in zip(EXECUTION_TABLES, written, strict=True)}
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


def _checked_programs(run: ShardRun) -> FileInfo:
    """Check that documents, decisions and chunk programs belong together; return the chunk programs' file info."""
    chunks = chunk_programs_of_present_documents(run.lake, run.corpus, run.shard)
    floor = chunks.notes["chunk_floor"]
    if run.plan.policy.doc_keep_threshold < floor:
        raise StaleInputError(
            f"doc_keep_threshold {run.plan.policy.doc_keep_threshold} is below the chunk_floor {floor} that "
            f"chunk_programs of shard {run.shard!r} was inferred with; materialize chunk_programs again"
        )
    return chunks


def _outcome_row(text: str, result: DocumentFate) -> Row:
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


def _write_chunk_outcomes(chunk_outcomes: TableWriter, place: Row, result: DocumentFate) -> None:
    for chunk in result.refinement.chunks if result.refinement else ():
        chunk_outcomes.write(
            {
                **place,
                "chunk_index": chunk.chunk_index,
                "verdict": str(chunk.verdict),
                "removed_lines": [{"line_start": first, "line_end": last} for first, last in chunk.removed_lines],
            }
        )


def _write_edits(edits: TableWriter, place: Row, result: DocumentFate) -> None:
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
    """Return the configuration that trace and replay need, as JSON."""
    plan = run.plan
    return json.dumps(
        {
            "policy": plan.execution_policy.as_dict(),
            "refiners": plan.refiners.model_dump(mode="json"),
        },
        sort_keys=True,
    )
