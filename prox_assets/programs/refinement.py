"""What an execution returns: the refined text, and the outcome of the document, every program and every operation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

LineRange = tuple[int, int]
"""First and last line of a range, 0-based and inclusive.

A plain tuple, because creating records takes most of an execution's time and a NamedTuple takes fourteen times as long.
"""


class Outcome(StrEnum):
    """What became of a document; `execute` keeps it or drops it by its chunks."""

    KEPT_UNCHANGED = "kept_unchanged"
    KEPT_EDITED = "kept_edited"
    DROPPED_BY_DOCUMENT = "dropped_by_document"
    """By the document-level decision, so its chunks were not looked at."""
    DROPPED_BY_CHUNKS = "dropped_by_chunks"
    QUARANTINED = "quarantined"
    """It has no programs, because asking for them failed."""


class Reason(StrEnum):
    """Why an execution dropped a document, or left all of it unchanged although its programs ask for changes."""

    NOTHING_LEFT = "nothing_left"
    KEPT_SHARE_TOO_SMALL = "kept_share_too_small"
    TOO_FEW_CHARACTERS = "too_few_characters"
    TOO_FEW_WORDS = "too_few_words"
    """Reference mode: ten words or fewer were left."""
    JUDGED_WORTHLESS = "judged_worthless"
    """The program of every chunk says that all of it is worthless (`operations.RemoveAll`)."""
    TOO_MANY_ERRORS = "too_many_errors"
    """Reference mode: the chunks together had too many errors, so all programs were reverted; the text is unchanged."""
    REPETITIVE = "repetitive"
    """Reference mode: the released UltraX executor found that the programs repeat themselves; it changes nothing."""
    EXECUTION_FAILED = "execution_failed"
    """Reference mode: the executor caught an error of its own. UltraX's then changes nothing; ReScraper's drops
    the page."""
    LEAKED_CALLS = "leaked_calls"
    """Reference mode: ReScraper's filter found calls or tags in the text that was left."""
    REFERENCE_CRASHED = "reference_crashed"
    """Reference mode: the released executor has no result for this input; the text is unchanged."""


class Verdict(StrEnum):
    """The executor's verdict on one chunk's program as a whole."""

    APPLIED = "applied"
    """It was executed, and at least one of its calls changed the text."""
    NO_CHANGE = "no_change"
    """It was executed, and none of its calls changed the text."""
    REFUSED = "refused"
    """Its errors reached the limit. Reference mode: the released executor judges the programs of all chunks as one, and
    reverted all of them."""
    CUT_OFF = "cut_off"
    """The token limit cut off the answer (strict only: the released executor runs the partial answer)."""
    CRASHED = "crashed"
    """Reference mode: the released executor has no result for the document."""
    REVERTED = "reverted"
    """It was executed and its changes were taken back, because the programs of all chunks left too little of the
    document (`ExecutionPolicy.on_empty`; strict only)."""
    SKIPPED = "skipped"
    """There was no program, because the chunk was not shown to a refiner."""

    @property
    def is_refusal(self) -> bool:
        """Whether there was a program and none of it was executed, so the chunk is unchanged."""
        return self in REFUSALS


REFUSALS = frozenset({Verdict.REFUSED, Verdict.CUT_OFF, Verdict.CRASHED})


class EditStatus(StrEnum):
    """What became of one operation."""

    APPLIED = "applied"
    NO_CHANGE = "no_change"
    """A call that asks for nothing: keep_chunk(), or normalize with equal strings."""
    DUPLICATE = "duplicate"
    """The same operation appeared earlier in the chunk's program."""
    LOOPED = "looped"
    """The same operation for the fifth time or more: the model was stuck in a loop."""
    ALREADY_REMOVED = "already_removed"
    """Earlier operations had removed every line of the range, or the only lines that contained the source string."""
    PROTECTED = "protected"
    """Every line of the range that was still there holds a formula, or every match lies in one
    (`ExecutionPolicy.protect_formulas`)."""
    NO_MATCH = "no_match"
    """The source string does not occur in the chunk."""
    AMBIGUOUS = "ambiguous"
    """The line contains the source string more than once, and the operation asks for the only occurrence."""
    CUTS_WORD = "cuts_word"
    """The source string occurs only inside words or numbers."""
    OVERLAPPED = "overlapped"
    """Every match was in text that another normalize of the chunk had replaced."""
    EMPTY_SOURCE = "empty_source"
    SPANS_LINES = "spans_lines"
    """The source or target string contains a line break; normalize acts inside single lines."""
    INVALID_TARGET = "invalid_target"
    """The target contains a NUL or a lone surrogate, which no document may contain."""
    OVER_LIMIT = "over_limit"
    """The source is too long, or the chunk's normalize operations are too many or match absurdly often."""
    UNPARSED = "unparsed"
    """A piece of the program that is not an operation."""
    OUT_OF_RANGE = "out_of_range"
    """At least one of the line numbers is outside the chunk."""
    REVERSED = "reversed"
    """The range ends before it starts."""
    WRONG_LEVEL = "wrong_level"
    """A document-level call in a chunk program."""
    PROGRAM_REJECTED = "program_rejected"
    """The call itself was valid, but the program was rejected as a whole."""
    REVERTED = "reverted"
    """It had changed the text, and was taken back because too little of the document was left."""
    RECORDED = "recorded"
    """A rewrite that the policy does not execute (`ExecutionPolicy.execute_rewrites`)."""
    SUPERSEDED = "superseded"
    """The same program replaces the whole text by a rewrite."""
    DECIDED_BEFORE = "decided_before"
    """It names only lines that the window before has shown too, and that window decides about them."""
    IGNORED = "ignored"
    """Reference mode: the released executor skips this line without counting an error."""

    @property
    def is_error(self) -> bool:
        """Whether the status counts as an error of the program (`ExecutionPolicy.error_limit`)."""
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
        EditStatus.PROTECTED,
        EditStatus.REVERTED,
        EditStatus.RECORDED,
        EditStatus.SUPERSEDED,
        EditStatus.DECIDED_BEFORE,
    }
)

REPLACE_PERSONAL_DATA = "replace_personal_data"
"""`Edit.operation` of a replacement that the policy asks for and no program names."""

TIDY_WHITE_SPACE = "tidy_white_space"
"""`Edit.operation` of what a released executor does to white space although no call asks for it (reference mode)."""

DROP_PAGE = "drop_page"
"""`Edit.operation` of a page that a released executor drops by a rule of its own (reference mode)."""

UNPARSED_OPERATION = "unparsed"
"""`Edit.operation` for a piece that is not an operation."""


class Edit(NamedTuple):
    """The record of one operation; the fields are columns of the lake table `edits`.

    A NamedTuple, because creating these takes most of an execution's time and a frozen dataclass takes three times as
    long.

    Attributes:
        chunk_index: The chunk whose program contains it.
        position: 0-based position in that program, including unreadable pieces.
        operation: "remove_lines", "normalize", "keep_chunk", "keep_doc", "drop_doc", "remove_all", "replace_in_line",
            "insert_line", "rewrite", "replace_personal_data", "tidy_white_space", "drop_page" or
            "unparsed".
        arguments: The arguments as a JSON object; for "unparsed" the reason and the text. Line numbers are those of the
            program in the dialects prox and line-labels, else those of the document, from 0.
        status: An EditStatus.
        characters_removed: Characters that it removed; a removed line counts its line break.
        characters_added: Characters that it added.
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
            In reference mode they may lie in other chunks, because line numbers run through the whole document.
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
        reason: Why it was dropped, or why all of it was left unchanged; else None.
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
    """Return the Refinement of a document that is kept, edited if its text changed."""
    outcome = Outcome.KEPT_UNCHANGED if after == before else Outcome.KEPT_EDITED
    return _refinement(before, after, outcome, reason, chunks, edits)


def reverted(before: str, chunks: Sequence[ChunkOutcome], edits: Sequence[Edit], reason: Reason) -> Refinement:
    """Return the Refinement of a document that stays as it was, because its programs left nothing worth keeping."""
    taken_back = [
        ChunkOutcome(chunk.chunk_index, Verdict.REVERTED) if chunk.verdict is Verdict.APPLIED else chunk
        for chunk in chunks
    ]
    undone = [
        edit._replace(status=EditStatus.REVERTED, characters_removed=0, characters_added=0)
        if edit.status is EditStatus.APPLIED
        else edit
        for edit in edits
    ]
    return kept(before, before, taken_back, undone, reason)


def dropped(before: str, chunks: Sequence[ChunkOutcome], edits: Sequence[Edit], reason: Reason) -> Refinement:
    """Return the Refinement of a document whose programs left nothing worth keeping."""
    return _refinement(before, "", Outcome.DROPPED_BY_CHUNKS, reason, chunks, edits)


def arguments_json(arguments: Mapping[str, Any]) -> str:
    """Return a JSON object that always encodes to UTF-8, with non-ASCII text left readable where possible."""
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
