"""The interface of the two annotation levels: units, prompts, a judgement per answer, a row per unit.

documents.py and chunks.py implement the levels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

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
        prompt_tokens: Prompt tokens of all answers to the question, unusable ones included.
        completion_tokens: Completion tokens of the same answers.
    """

    value: Any
    error: str | None
    prompt_tokens: int
    completion_tokens: int


class AnnotationLevel(Protocol):
    """Everything that differs between annotating documents and annotating chunks."""

    @property
    def schema(self) -> pa.Schema:
        """The table's schema."""
        ...

    @property
    def prompts(self) -> tuple[str, ...]:
        """Names of the prompts; every unit is asked with each of them."""
        ...

    def units(self, document: SeedDocument) -> Iterator[Unit]:
        """Yield the units of a document, in order."""
        ...

    def judge(self, unit: Unit, prompt: str, text: str) -> Any:  # noqa: ANN401 - each level has its own values
        """Return the value that an answer gives.

        Raises:
            UnusableAnswerError: The answer gives no usable value.
        """
        ...

    def columns(self, unit: Unit, results: Mapping[str, QuestionResult]) -> dict[str, Any]:
        """Return the level's own columns of a row, and `error`; `results` is empty for a skipped unit."""
        ...


def first_error(unit: Unit, results: Mapping[str, QuestionResult]) -> str | None:
    """Return why a unit has no annotation: its skip reason or the error of its first failed prompt; else None."""
    if unit.skip_reason is not None:
        return unit.skip_reason
    return next((f"{name}: {result.error}" for name, result in results.items() if result.error is not None), None)
