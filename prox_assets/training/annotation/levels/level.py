"""What the two annotation levels share: units, which become rows, and the results of questions about them.

documents.py and chunks.py hold the levels. Each has a `schema`, the names of its `prompts` (every unit is asked with
each of them), `units` of a document, `judge` for an answer, and `columns` of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prox_assets.training.annotation.config import Tokens
from prox_assets.training.data.seeds import SeedDocument

BLANK = "blank"
"""The skip reason of a unit without visible characters."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A document or a chunk of one; each unit becomes one row.

    Attributes:
        document: The document.
        line_start: First line, 0-based.
        line_end: Last line, inclusive.
        text: The raw lines.
        shown: The text that the model is shown.
        skip_reason: Why nothing is asked about the unit, or None.
    """

    document: SeedDocument
    line_start: int
    line_end: int
    text: str
    shown: str
    skip_reason: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """The outcome of one question.

    Attributes:
        value: The result of the level's `judge` for the answer; None if there is an error.
        error: Why there is no usable answer, or None.
        tokens: Tokens of all requests for the question, unusable answers included.
    """

    value: Any
    error: str | None
    tokens: Tokens


def first_error(unit: Unit, results: Mapping[str, QuestionResult]) -> str | None:
    """Return why a unit has no annotation: its skip reason or the error of its first failed prompt; else None."""
    if unit.skip_reason is not None:
        return unit.skip_reason
    return next((f"{name}: {result.error}" for name, result in results.items() if result.error is not None), None)
