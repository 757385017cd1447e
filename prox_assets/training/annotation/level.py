"""The two levels of annotation, as the run sees them: units, prompts, a judgement per answer, a row per unit.

Belongs here: the protocol and the values that pass through it. The levels themselves are documents.py and chunks.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from prox_assets.training.data.seeds import SeedDocument

BLANK = "blank"
"""Why a unit without visible characters is not asked about."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What becomes one row: a document, or a chunk of one.

    Attributes:
        document: The document.
        line_start: First line, 0-based.
        line_end: Last line, inclusive.
        text: The lines, raw.
        shown: What the model is shown of them.
        skip_reason: Why nothing is asked about the unit, or None.
    """

    document: SeedDocument
    line_start: int
    line_end: int
    text: str
    shown: str
    skip_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one question.

    Attributes:
        value: What the level's `judge` made of the answer; None where there is an error.
        error: Why there is no usable answer, or None.
        prompt_tokens: Of all answers to the question, unusable ones included.
        completion_tokens: Likewise.
    """

    value: Any
    error: str | None
    prompt_tokens: int
    completion_tokens: int


class AnnotationLevel(Protocol):
    """What differs between documents and chunks."""

    @property
    def schema(self) -> pa.Schema:
        """The table's schema."""
        ...

    @property
    def prompts(self) -> tuple[str, ...]:
        """Names of the prompts; each unit is asked every one."""
        ...

    def units(self, document: SeedDocument) -> Iterator[Unit]:
        """Yield the units of a document, in order."""
        ...

    def judge(self, unit: Unit, prompt: str, text: str) -> Any:  # noqa: ANN401 - each level has its own values
        """Return what an answer says.

        Raises:
            UnusableAnswerError: It says nothing usable.
        """
        ...

    def columns(self, unit: Unit, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
        """Return the level's own columns of a row and its `error`; `verdicts` is empty for a skipped unit."""
        ...


def first_error(unit: Unit, verdicts: Mapping[str, Verdict]) -> str | None:
    """Return why a unit has no annotation: why it was skipped, or what its first failed prompt met; else None."""
    if unit.skip_reason is not None:
        return unit.skip_reason
    return next((f"{name}: {verdict.error}" for name, verdict in verdicts.items() if verdict.error is not None), None)
