"""Asset `refined_shards`: applies programs to documents; writes refined, outcomes, chunk_outcomes, edits and policies.

No model is involved: a new threshold or executor reruns only this stage. The tables of one execution share an
execution_id, and the shard's manifest, put in place last, makes them visible together.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from prox_assets.corpora.document import text_hash
from prox_assets.lake.errors import LakeError
from prox_assets.lake.schemas import EXECUTION_TABLES, Outcome, Table
from prox_assets.lake.table_files import TableWriter
from prox_assets.stages.aligned_rows import (
    current_chunk_programs,
    documents_with_programs,
    inputs_of_execution,
)
from prox_assets.stages.execution.document_refinement import DocumentFate, refine_document
from prox_assets.stages.run import ShardRun, StaleInputError
from prox_assets.stages.states.identities import refined_identity

ASSET = "refined_shards"

Row = dict[str, Any]

# An earlier release did not write chunk_outcomes; its executions stay current.
_TEXT_TABLES = (Table.OUTCOMES, Table.REFINED, Table.EDITS)
_TOTALS = ("characters_before", "characters_after", "operations_applied", "operations_failed")


@dataclass(frozen=True)
class RefinementSummary:
    """Totals of a shard's execution: documents by outcome, and the text before and after.

    `reused` tells that the published execution was current, so nothing was executed.
    """

    documents: int
    outcomes: dict[str, int]
    characters_before: int
    characters_after: int
    operations_applied: int
    operations_failed: int
    execution_id: str
    reused: bool = False


def refine_shard(run: ShardRun, chunk_programs: str | None = None) -> RefinementSummary:
    """Execute a shard's programs and publish the result as one execution.

    An execution that is already current is left as it is, unless the run forces another.

    Args:
        run: The shard and its run.
        chunk_programs: Identity that the chunk programs must have; None for any.

    Raises:
        MissingTableError: Documents or programs are missing.
        StaleInputError: The programs were written for other documents or decisions, or `doc_keep_threshold` is below
            their chunk floor.
        ReplacedTableError: The programs do not have the requested identity, or another run has replaced an input
            meanwhile.
        StageError: A kept document has no chunk programs, or the files do not line up.
    """
    programs = current_chunk_programs(run.lake, run.corpus, run.shard)
    floor = programs.notes["chunk_floor"]
    if run.plan.policy.doc_keep_threshold < floor:
        raise StaleInputError(
            f"doc_keep_threshold {run.plan.policy.doc_keep_threshold} is below the chunk_floor {floor} with which "
            f"chunk_programs of shard {run.shard!r} was inferred; materialize chunk_programs again"
        )
    if chunk_programs is not None:
        run.check_inputs({Table.CHUNK_PROGRAMS: chunk_programs})
    inputs = inputs_of_execution(programs)
    identity = refined_identity(run.plan, programs.identity)
    if not run.force and _is_published(run, identity):
        return _published_summary(run)
    execution_id = uuid.uuid4().hex
    counts = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    totals = dict.fromkeys(_TOTALS, 0)
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
                for name in _TOTALS:
                    totals[name] += outcome[name]
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
            # What trace and replay need to know.
            configuration = {
                "policy": run.plan.execution_policy.as_dict(),
                "refiners": run.plan.refiners.model_dump(mode="json"),
            }
            policies.write(
                {
                    "execution_fingerprint": run.plan.execution_fingerprint,
                    "configuration": json.dumps(configuration, sort_keys=True),
                }
            )
            outcomes.notes.update(execution_id=execution_id, chunk_programs=programs.identity)
            chunk_outcomes.notes.update(execution_id=execution_id)
            written = (refined, outcomes, chunk_outcomes, edits)
            rows = {table.value: writer.rows for table, writer in zip(EXECUTION_TABLES, written, strict=True)}
        run.lake.write_manifest(run.corpus, run.shard, execution_id, run.run_id, rows)
        run.progress(total, total)
    return RefinementSummary(total, counts, execution_id=execution_id, **totals)


def _is_published(run: ShardRun, identity: str) -> bool:
    """Tell whether the manifest names an execution with this identity, and its files are whole."""
    try:
        files = [run.lake.info(run.corpus, table, run.shard) for table in _TEXT_TABLES]
        execution = run.lake.execution(run.corpus, run.shard)
    except LakeError:
        return False  # a damaged file is written again
    outcomes = files[0]
    return (
        all(info is not None and info.identity == identity for info in files)
        and outcomes is not None
        and outcomes.notes["execution_id"] == execution
    )


def _published_summary(run: ShardRun) -> RefinementSummary:
    outcomes = run.lake.scan(run.corpus, Table.OUTCOMES, [run.shard]).select("outcome", *_TOTALS).collect()
    counted = dict(outcomes["outcome"].value_counts().iter_rows())
    return RefinementSummary(
        documents=outcomes.height,
        outcomes={outcome.value: counted.get(outcome.value, 0) for outcome in Outcome},
        execution_id=run.lake.execution(run.corpus, run.shard) or "",
        reused=True,
        **{name: int(outcomes[name].sum()) for name in _TOTALS},
    )


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
