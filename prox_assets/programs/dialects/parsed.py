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
