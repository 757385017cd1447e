"""What an execution returns: the refined text, what became of the document, of every program and every operation.

Belongs here: Refinement, ChunkOutcome, Edit and the closed sets of their values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from prox_assets.programs.line_removal import LineRange


class Outcome(StrEnum):
    """What became of a document."""

    KEPT_UNCHANGED = "kept_unchanged"
    KEPT_EDITED = "kept_edited"
    DROPPED_BY_CHUNKS = "dropped_by_chunks"
    DROPPED_BY_DOCUMENT = "dropped_by_document"


class Reason(StrEnum):
    """Why an execution dropped a document, or left it alone as a whole."""

    NOTHING_LEFT = "nothing_left"
    KEPT_SHARE_TOO_SMALL = "kept_share_too_small"
    TOO_FEW_CHARACTERS = "too_few_characters"
    TOO_FEW_WORDS = "too_few_words"
    """Reference mode: ten words or fewer were left."""
    TOO_MANY_ERRORS = "too_many_errors"
    """Reference mode: the errors of all chunks together voided the document's programs; the text stays as it was."""
    REFERENCE_CRASHED = "reference_crashed"
    """Reference mode: the released executor has no result for this input; the text stays as it was."""


class Verdict(StrEnum):
    """What the executor made of the program of one chunk, taken as a whole."""

    APPLIED = "applied"
    """It was carried out, and at least one of its calls changed the text."""
    NO_CHANGE = "no_change"
    """It was carried out, and none of its calls changed the text."""
    REFUSED = "refused"
    """Its errors reached the limit. Reference mode: the released executor took back the programs of all chunks of the
    document, which it judges as one."""
    CUT_OFF = "cut_off"
    """Its answer was cut off by the token limit (strict: the released executor runs what there is of it)."""
    CRASHED = "crashed"
    """Reference mode: the released executor has no result for the document."""
    SKIPPED = "skipped"
    """There was no program: the chunk was shown to no refiner."""

    @property
    def is_refusal(self) -> bool:
        """Whether there was a program and nothing of it was carried out, so that its chunk stays as it was."""
        return self in REFUSALS


REFUSALS = frozenset({Verdict.REFUSED, Verdict.CUT_OFF, Verdict.CRASHED})


class EditStatus(StrEnum):
    """The fate of one operation."""

    APPLIED = "applied"
    NO_CHANGE = "no_change"
    """A call that asks for nothing: keep_chunk(), or normalize with equal strings."""
    DUPLICATE = "duplicate"
    """The chunk's program had the same operation before."""
    LOOPED = "looped"
    """The same operation for the fifth time or more: the model was caught in a loop."""
    ALREADY_REMOVED = "already_removed"
    """Earlier operations had removed every line of the range, or the only lines that held the source string."""
    NO_MATCH = "no_match"
    """The source string does not occur in the chunk."""
    CUTS_WORD = "cuts_word"
    """The source string occurs only inside words or numbers."""
    OVERLAPPED = "overlapped"
    """Every match lay in text that another normalize of the chunk had replaced."""
    EMPTY_SOURCE = "empty_source"
    SPANS_LINES = "spans_lines"
    """The source or target string contains a line break; normalize acts inside single lines."""
    INVALID_TARGET = "invalid_target"
    """The target contains a NUL or a lone surrogate, which no document may contain."""
    OVER_LIMIT = "over_limit"
    """The source is too long, or the chunk's normalize operations are too many or match absurdly often."""
    UNPARSED = "unparsed"
    """A piece of the program that is no operation."""
    OUT_OF_RANGE = "out_of_range"
    """Line numbers that the chunk does not have, be it one of them."""
    REVERSED = "reversed"
    """The range ends before it starts."""
    WRONG_LEVEL = "wrong_level"
    """A document-level call in a chunk program."""
    PROGRAM_REJECTED = "program_rejected"
    """Sound in itself, but the program as a whole was not trusted."""
    IGNORED = "ignored"
    """Reference mode: the released executor passes over this line without calling it an error."""

    @property
    def is_error(self) -> bool:
        """Whether the status speaks against the whole program (`ExecutionPolicy.error_limit`)."""
        return self in _ERRORS

    @property
    def is_failure(self) -> bool:
        """Whether the operation asked for a change that could not be made."""
        return self not in _NOT_FAILURES


_ERRORS = frozenset({EditStatus.UNPARSED, EditStatus.OUT_OF_RANGE, EditStatus.REVERSED, EditStatus.WRONG_LEVEL})
_NOT_FAILURES = frozenset(
    {
        EditStatus.APPLIED,
        EditStatus.NO_CHANGE,
        EditStatus.DUPLICATE,
        EditStatus.LOOPED,
        EditStatus.ALREADY_REMOVED,
        EditStatus.OVERLAPPED,
    }
)

UNPARSED_OPERATION = "unparsed"
"""`Edit.operation` of what is no operation."""


class Edit(NamedTuple):
    """The record of one operation; the fields are columns of the lake table `edits`.

    A NamedTuple, as most of an execution's time is making these: a frozen dataclass takes three times as long to make.

    Attributes:
        chunk_index: The chunk whose program held it.
        position: 0-based place in that program, unreadable pieces counted.
        operation: "remove_lines", "normalize", "keep_chunk", "keep_doc", "drop_doc", or "unparsed".
        arguments: The arguments as a JSON object; for "unparsed" the reason and the text.
        status: An EditStatus.
        characters_removed: Characters it took away; a removed line counts its line break.
        characters_added: Characters it put in.
    """

    chunk_index: int
    position: int
    operation: str
    arguments: str
    status: EditStatus
    characters_removed: int = 0
    characters_added: int = 0


class ChunkOutcome(NamedTuple):
    """What became of one chunk's program; the fields are columns of the lake table `chunk_outcomes`.

    Attributes:
        chunk_index: The chunk.
        verdict: A Verdict.
        removed_lines: The lines of the document that the program removed, in order, as the fewest ranges (first, last).
            In reference mode they may lie in other chunks, as its line numbers reach through the document.
    """

    chunk_index: int
    verdict: Verdict
    removed_lines: tuple[LineRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Refinement:
    """The result of executing the programs of one document.

    Attributes:
        text: The refined text; "" when the document was dropped.
        outcome: An Outcome.
        reason: Why it was dropped, or left alone as a whole; else None.
        chunks: One record per chunk, in order.
        edits: One record per operation, in the order of the programs.
        characters_before: Characters of the raw text.
        characters_after: Characters of `text`.
        lines_before: Lines of the raw text.
        lines_after: Lines of `text`, 0 when the document was dropped.
        operations_applied: Edits with status "applied".
        operations_failed: Edits whose status is a failure (`EditStatus.is_failure`).
    """

    text: str
    outcome: Outcome
    reason: Reason | None
    chunks: tuple[ChunkOutcome, ...]
    edits: tuple[Edit, ...]
    characters_before: int
    characters_after: int
    lines_before: int
    lines_after: int
    operations_applied: int
    operations_failed: int


def kept(
    before: str, after: str, chunks: Sequence[ChunkOutcome], edits: Sequence[Edit], reason: Reason | None = None
) -> Refinement:
    """Return the Refinement of a document that stays, edited if its text changed."""
    outcome = Outcome.KEPT_UNCHANGED if after == before else Outcome.KEPT_EDITED
    return _refinement(before, after, outcome, reason, chunks, edits)


def dropped(before: str, chunks: Sequence[ChunkOutcome], edits: Sequence[Edit], reason: Reason) -> Refinement:
    """Return the Refinement of a document whose programs left nothing worth keeping."""
    return _refinement(before, "", Outcome.DROPPED_BY_CHUNKS, reason, chunks, edits)


def arguments_json(arguments: Mapping[str, Any]) -> str:
    """Return a JSON object that encodes to UTF-8 whatever the strings hold, readable where it can be."""
    readable = json.dumps(arguments, ensure_ascii=False)
    try:
        readable.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(arguments)
    return readable


def _refinement(
    before: str,
    after: str,
    outcome: Outcome,
    reason: Reason | None,
    chunks: Sequence[ChunkOutcome],
    edits: Sequence[Edit],
) -> Refinement:
    others = [edit for edit in edits if edit.status is not EditStatus.APPLIED]
    return Refinement(
        text=after,
        outcome=outcome,
        reason=reason,
        chunks=tuple(chunks),
        edits=tuple(edits),
        characters_before=len(before),
        characters_after=len(after),
        lines_before=before.count("\n") + 1,
        lines_after=0 if outcome is Outcome.DROPPED_BY_CHUNKS else after.count("\n") + 1,
        operations_applied=len(edits) - len(others),
        operations_failed=sum([edit.status.is_failure for edit in others]),
    )
