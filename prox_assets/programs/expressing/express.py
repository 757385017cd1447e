"""Programs in any dialect for what was done to a document, each checked by executing it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from prox_assets.programs.dialects.dialect import Dialect
from prox_assets.programs.dialects.rendering import ShownLines
from prox_assets.programs.execution.executor import execute
from prox_assets.programs.expressing.changes import Changes
from prox_assets.programs.expressing.choosing import Chosen, Unsaid, choose, to_drop
from prox_assets.programs.operations import KeepChunk, Operation
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.refinement import Outcome


class Fidelity(StrEnum):
    """How the text that an expressed program leaves compares with the refined text."""

    EXACT = "exact"
    """They are equal, or both are dropped."""
    WHITE_SPACE = "white_space"
    """They have the same lines but for blank ones, and the same lines but for white space around and inside them."""
    INEXACT = "inexact"
    """They differ."""


@dataclass(frozen=True, slots=True)
class Expressed:
    """What was done to a document, as a program of a dialect.

    Attributes:
        program: The program for the whole document as one chunk.
        operations: The same as operations, with the line numbers of the document from 0.
        text: What the program leaves, strictly executed; None if it drops the document.
        fidelity: How that compares with the refined text.
        unsaid: Number of changes that are left out, by why.
    """

    program: str
    operations: tuple[Operation, ...]
    text: str | None
    fidelity: Fidelity
    unsaid: Counter[Unsaid]


def express(text: str, refined: str | None, changes: Changes | None, dialect: Dialect) -> Expressed:
    """Say in a dialect what was done to a document.

    Args:
        text: The document.
        refined: What is left of it; None if it was dropped.
        changes: What was done to it; None if that is not known. Of no use where it was dropped or is as it was.
        dialect: One of `choosing.MEANS`.
    """
    lines = text.split("\n")
    if refined is None:
        chosen = Chosen(to_drop(lines, dialect))
    elif refined == text:
        chosen = Chosen((KeepChunk(),))
    elif changes is None:
        chosen = Chosen((KeepChunk(),), Counter({Unsaid.NOT_TRACED: 1}))
    else:
        chosen = choose(lines, changes, dialect)
    program = dialect.render(chosen.operations, whole_document(lines, dialect))
    left = run_alone(text, program, dialect)
    fidelity = _compared(refined, left)
    unsaid = +chosen.unsaid
    if fidelity is not Fidelity.EXACT and not unsaid:
        is_hidden = fidelity is Fidelity.WHITE_SPACE and not dialect.shows_blank_lines
        unsaid[Unsaid.WHITE_SPACE if is_hidden else Unsaid.EXECUTED_DIFFERENTLY] += 1
    return Expressed(program, chosen.operations, left, fidelity, unsaid)


def whole_document(lines: Sequence[str], dialect: Dialect) -> ShownLines:
    """Return the numbers that a dialect gives to the lines of a document that is shown as one chunk."""
    return dialect.shown_lines(lines, 0, dialect.first_number)


def run_alone(text: str, program: str, dialect: Dialect) -> str | None:
    """Return what a program for a whole document leaves of it, strictly executed; None if it drops the document."""
    refinement = execute(text, [((0, text.count("\n")), program)], _nothing_else_decides(dialect))
    return None if refinement.outcome is Outcome.DROPPED_BY_CHUNKS else refinement.text


@cache
def _nothing_else_decides(dialect: Dialect) -> ExecutionPolicy:
    """Return the policy under which the calls of a program decide alone: there is no least share to keep."""
    return ExecutionPolicy(
        dialect=dialect.name,
        line_numbers=dialect.line_numbers,
        min_kept_share=0.0,
        min_kept_characters=0,
        on_empty="drop",
        execute_rewrites=True,
    )


def _compared(refined: str | None, left: str | None) -> Fidelity:
    if refined == left:
        return Fidelity.EXACT
    if refined is None or left is None:
        return Fidelity.INEXACT
    return Fidelity.WHITE_SPACE if _words_of_lines(refined) == _words_of_lines(left) else Fidelity.INEXACT


def _words_of_lines(text: str) -> list[list[str]]:
    return [words for words in (line.split() for line in text.split("\n")) if words]
