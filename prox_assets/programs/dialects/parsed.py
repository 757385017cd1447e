"""What every dialect's parser returns: operations, and the pieces of a program that are none."""

from dataclasses import dataclass
from enum import StrEnum

from prox_assets.programs.operations import Operation

EXCERPT_CHARACTERS = 200


class ParseErrorReason(StrEnum):
    """Why a piece of a program could not be read."""

    NOT_A_CALL = "not_a_call"
    UNKNOWN_FUNCTION = "unknown_function"
    UNTERMINATED_CALL = "unterminated_call"
    BAD_ARGUMENTS = "bad_arguments"
    NUMBER_TOO_LONG = "number_too_long"
    BAD_STRING = "bad_string"
    """ReScraper: what is to be removed inside a line is no JSON string."""
    MISSING_TAG = "missing_tag"
    """ReScraper: there is something else, or nothing, where a decision or `<extract>` belongs."""
    UNKNOWN_TAG = "unknown_tag"
    TAGS_DISAGREE = "tags_disagree"
    """ReScraper: the decision is not the same both times."""
    UNEXPECTED = "unexpected"
    """ReScraper: it stands where nothing, or no such call, may stand."""
    EMPTY_PAYLOAD = "empty_payload"
    """ReScraper: an edit without a call, or a rewrite without a text."""
    LEAKED_CALL = "leaked_call"
    """ReScraper: a line of a rewrite is a call or a tag, which would become text of the corpus."""
    EMPTY_PROGRAM = "empty_program"
    """Set by the executor if a model's answer contains no call; `parse` returns no operations in that case."""


@dataclass(frozen=True, slots=True)
class ParseError:
    """A piece of program text that is not an operation.

    Attributes:
        reason: Why it is not.
        text: The piece, cut to EXCERPT_CHARACTERS.
    """

    reason: ParseErrorReason
    text: str


@dataclass(frozen=True, slots=True)
class ParsedProgram:
    """A parsed program; `calls` holds operations and errors in the order in which they were written."""

    calls: tuple[Operation | ParseError, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Only the operations, in order."""
        return tuple(call for call in self.calls if not isinstance(call, ParseError))

    @property
    def errors(self) -> tuple[ParseError, ...]:
        """Only the errors, in order."""
        return tuple(call for call in self.calls if isinstance(call, ParseError))


def after_thinking(text: str) -> str:
    """Return an answer without the block of thinking that may precede it, and that is empty if thinking is off."""
    if not text.lstrip().startswith("<think>"):
        return text
    _, closed, answer = text.partition("</think>")
    return answer if closed else text
