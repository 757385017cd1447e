"""The document-level decision, keep or drop, from a program or a probability."""

from dataclasses import dataclass
from enum import StrEnum

from prox_assets.programs.dialects.prox import parse
from prox_assets.programs.execution.reference.prox import execute_doc_program
from prox_assets.programs.operations import DropDoc, KeepDoc
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.scripts import OUTSIDE_TRAINING as _OUTSIDE_TRAINING


class DocumentReason(StrEnum):
    """Why a document was dropped, or kept without a decision."""

    EMPTY = "empty"
    DROP_DOC = "drop_doc"
    KEEP_PROBABILITY_BELOW_THRESHOLD = "keep_probability_below_threshold"
    UNREADABLE = "unreadable"
    """The answer was neither keep nor drop. The document is kept, because an unreadable answer must not lose data."""
    OUTSIDE_TRAINING = _OUTSIDE_TRAINING
    """The refiner was not asked, because it was not trained on the document's script. The document is kept."""


@dataclass(frozen=True, slots=True)
class DocumentDecision:
    """What to do with a document.

    Attributes:
        keep: Whether the document goes on to the chunk level.
        reason: A DocumentReason; None for an ordinary keep.
        error: What was wrong with an unreadable answer.
    """

    keep: bool
    reason: DocumentReason | None = None
    error: str | None = None


def decide_document(
    text: str,
    program: str | None,
    keep_probability: float | None,
    policy: ExecutionPolicy,
    skip_reason: str | None = None,
) -> DocumentDecision:
    """Decide whether to keep or drop a document.

    Args:
        text: The document; blank ones are dropped in both modes (the released chunk executor divides by zero on them).
        program: The document's program, if it has one.
        keep_probability: P(keep) if the document was scored; it then takes precedence over the program.
        policy: `doc_keep_threshold` and `mode`; in reference mode a program that contains "drop" anywhere drops.
        skip_reason: Why the refiner was not asked, if it was not; "outside_training" keeps the document.
    """
    if not text.strip():
        return DocumentDecision(keep=False, reason=DocumentReason.EMPTY)
    if skip_reason == DocumentReason.OUTSIDE_TRAINING:
        return DocumentDecision(keep=True, reason=DocumentReason.OUTSIDE_TRAINING)
    if keep_probability is not None:
        if not 0 <= keep_probability <= 1:  # NaN too
            return _unreadable(f"keep probability {keep_probability}")
        if keep_probability >= policy.doc_keep_threshold:
            return DocumentDecision(keep=True)
        return DocumentDecision(keep=False, reason=DocumentReason.KEEP_PROBABILITY_BELOW_THRESHOLD)
    if program is None:
        return _unreadable("neither a program nor a probability")
    if policy.mode == "reference":
        keep = bool(execute_doc_program(text, program))
        return DocumentDecision(keep, None if keep else DocumentReason.DROP_DOC)
    return _decide_by_program(program)


def _decide_by_program(program: str) -> DocumentDecision:
    parsed = parse(program)
    if parsed.errors:
        return _unreadable(f"{parsed.errors[0].reason.value}: {parsed.errors[0].text}")
    match list(dict.fromkeys(parsed.operations)):
        case [KeepDoc()]:
            return DocumentDecision(keep=True)
        case [DropDoc()]:
            return DocumentDecision(keep=False, reason=DocumentReason.DROP_DOC)
        case []:
            return _unreadable("empty program")
        case _:
            return _unreadable("calls other than one decision")


def _unreadable(error: str) -> DocumentDecision:
    return DocumentDecision(keep=True, reason=DocumentReason.UNREADABLE, error=error)
