"""One document's fate, from its stored text, decision and chunk programs.

The asset refined_shards stores the result; replay compares it with the stored one.
"""

from dataclasses import dataclass
from typing import Any

from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome
from prox_assets.personal_data import Found, find
from prox_assets.programs import (
    DocumentDecision,
    DocumentReason,
    ExecutionPolicy,
    Refinement,
    decide_document,
    execute,
    stored_programs,
)
from prox_assets.programs.scripts import OUTSIDE_TRAINING
from prox_assets.stages.execution.personal_data import with_replacements
from prox_assets.stages.run import StageError

Row = dict[str, Any]


class NoChunkProgramsError(StageError):
    """A kept document has no chunk programs to execute."""


@dataclass(frozen=True, slots=True)
class DocumentFate:
    """What became of a document.

    Attributes:
        outcome: An Outcome.
        reason: Why, where there is more to say.
        text: The refined text if the document was kept, else None.
        refinement: What the executor did, if chunk programs were executed.
        personal_data: What was replaced in the text that the programs left, if the policy asks for that.
        left_by_programs: That text, where something was replaced in it.
    """

    outcome: Outcome
    reason: str | None
    text: str | None
    refinement: Refinement | None = None
    personal_data: tuple[Found, ...] = ()
    left_by_programs: str | None = None


def refine_document(document: Row, decision: Row, chunks: list[Row], policy: ExecutionPolicy) -> DocumentFate:
    """Decide one document's fate.

    Args:
        document: Its row of `documents`.
        decision: Its row of `doc_programs`.
        chunks: Its rows of `chunk_programs`, in order.
        policy: How programs are executed.

    Raises:
        NoChunkProgramsError: The document is kept but has no chunk programs.
        StageError: The chunks do not fit the document's lines.
    """
    text = document["text"]
    if decision["error"] is not None:
        return DocumentFate(Outcome.QUARANTINED, f"document level: {decision['error']}", None)
    verdict = decide_document(text, decision["program"], decision["keep_probability"], policy, decision["skip_reason"])
    if not verdict.keep:
        return DocumentFate(Outcome.DROPPED_BY_DOCUMENT, _drop_reason(decision["program"], verdict), None)
    for chunk in chunks:
        if chunk["error"] is not None:
            return DocumentFate(Outcome.QUARANTINED, f"chunk level: {chunk['error']}", None)
    if not chunks:
        raise NoChunkProgramsError(
            f"document {document['doc_id']} is kept but has no chunk programs; materialize chunk_programs"
        )
    try:
        refinement = execute(text, stored_programs(text, chunks, policy), policy)
    except ValueError as error:
        raise StageError(
            f"the chunk programs of document {document['doc_id']} do not fit its text: {error}. Infer chunk_programs "
            "again, with force"
        ) from error
    kept = refinement.outcome in KEPT_OUTCOMES
    reason = refinement.reason or verdict.reason
    if reason is None and all(chunk["skip_reason"] == OUTSIDE_TRAINING for chunk in chunks):
        reason = OUTSIDE_TRAINING
    found = find(refinement.text, policy.personal_data) if kept and policy.personal_data else []
    if not found:
        return DocumentFate(refinement.outcome, reason, refinement.text if kept else None, refinement)
    done = with_replacements(refinement, found, chunks)
    return DocumentFate(done.outcome, reason, done.text, done, tuple(found), refinement.text)


def _drop_reason(program: str | None, verdict: DocumentDecision) -> str | None:
    """Return why a document was dropped; a reason given as a comment in the program says more than drop_doc."""
    if verdict.reason is DocumentReason.DROP_DOC and program is not None and "#" in program:
        return program.partition("#")[2].strip() or verdict.reason
    return verdict.reason
