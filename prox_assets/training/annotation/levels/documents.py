"""The document level: two scores and the decision that follows from them.

scores.py reads the scores.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from prox_assets.refiners.prompts.formats import shown_text
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.levels.level import BLANK, QuestionResult, Unit, first_error
from prox_assets.training.annotation.levels.scores import EDUCATIONAL, FORMAT, AdditiveScore, decide, read_score
from prox_assets.training.data.seeds import SEED_DOCUMENTS, SeedDocument

_KINDS = {kind.prompt: kind for kind in (EDUCATIONAL, FORMAT)}


class DocumentLevel:
    """Makes each document one unit; the model sees the head of a long document."""

    schema: pa.Schema = SEED_DOCUMENTS
    prompts = tuple(_KINDS)

    def __init__(self, config: AnnotatorConfig) -> None:
        self._shown = config.max_document_characters

    def units(self, document: SeedDocument) -> Iterator[Unit]:
        """Yield the document as a whole."""
        text = document.text
        skip_reason = None if text.strip() else BLANK
        yield Unit(document, 0, text.count("\n"), text, shown_text(text)[: self._shown], skip_reason)

    def judge(self, unit: Unit, prompt: str, text: str) -> AdditiveScore:
        """Return the score in an answer; raises UnusableAnswerError as `read_score` does."""
        return read_score(text, _KINDS[prompt])

    def columns(self, unit: Unit, results: Mapping[str, QuestionResult]) -> dict[str, Any]:
        """Return scores and decision. A decision needs both scores, even where one would settle it."""
        educational, text_format = (
            results[kind.prompt].value if kind.prompt in results else None for kind in (EDUCATIONAL, FORMAT)
        )
        decision = decide(educational.points, text_format.points) if educational and text_format else None
        return {
            "decision": decision,
            "keep_target": None if decision is None else float(decision == "keep"),
            "educational_score": educational and educational.points,
            "educational_justification": educational and educational.justification,
            "format_score": text_format and text_format.points,
            "format_justification": text_format and text_format.justification,
            "error": first_error(unit, results),
        }
