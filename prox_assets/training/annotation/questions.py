"""The questions of a run, and the keys that find their answers again.

asking.py asks the questions; the levels interpret the answers.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.errors import AnnotationError
from prox_assets.training.annotation.levels.chunks import ChunkLevel
from prox_assets.training.annotation.levels.documents import DocumentLevel
from prox_assets.training.annotation.levels.level import Unit
from prox_assets.training.annotation.prompts import Message, Prompt, PromptSet, load_prompts
from prox_assets.training.data.seeds import SeedDocument


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt about one unit; `unit_index` is the unit's index in the plan."""

    unit_index: int
    unit: Unit
    prompt: Prompt

    def messages(self, problem: str | None = None) -> list[Message]:
        """Return the messages to send; `problem` says why the previous answer was unusable."""
        return self.prompt.messages(self.unit.shown, problem)


class AnnotationPlan:
    """All questions of a run, known before the server is asked.

    Attributes:
        name: The level's name, doc or chunk.
        level: The level.
        prompt_set: Its prompts.
        units: The units, which become rows, in input order.

    Raises:
        AnnotationError: Two documents share an id, or a prompt file is unusable.
    """

    def __init__(self, documents: Sequence[SeedDocument], config: AnnotatorConfig, level: Level) -> None:
        self.name: Level = level
        self.level = DocumentLevel(config) if level == "doc" else ChunkLevel(config)
        self.prompt_set: PromptSet = load_prompts(self.level.prompts, config.prompts)
        self._config = config
        seen: set[str] = set()
        for document in documents:
            if document.doc_id in seen:
                raise AnnotationError(f"two documents have the doc_id {document.doc_id!r}; ids must be unique")
            seen.add(document.doc_id)
        self.units: list[Unit] = [unit for document in documents for unit in self.level.units(document)]

    def questions(self) -> Iterator[Question]:
        """Yield all questions, unit by unit; skipped units have none."""
        for index, unit in enumerate(self.units):
            if unit.skip_reason is None:
                for name in self.level.prompts:
                    yield Question(index, unit, self.prompt_set.prompts[name])

    @cached_property
    def question_count(self) -> int:
        """Number of questions."""
        return len(self.level.prompts) * sum(unit.skip_reason is None for unit in self.units)

    def key(self, question: Question, model: str) -> str:
        """Return 32 hex digits that change with the document, the text shown, the prompts, the model and settings."""
        document = question.unit.document
        identity = {
            "doc_id": document.doc_id,
            "text": hashlib.sha256(document.text.encode()).hexdigest(),
            "lines": [question.unit.line_start, question.unit.line_end],
            "shown": hashlib.sha256(question.unit.shown.encode()).hexdigest(),
            "prompt": question.prompt.name,
            "prompt_version": self.prompt_set.version,
            "model": model,
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
            "extra": self._config.extra,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
