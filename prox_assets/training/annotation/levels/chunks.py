"""The chunk level: one program per kind of noise, merged and bounded.

noise.py reads and merges the programs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from prox_assets.programs import Operation, pack_lines
from prox_assets.refiners.prompts.formats import LABEL_DIGITS, label_lines, shown_line
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.errors import UnusableAnswerError
from prox_assets.training.annotation.levels.level import BLANK, QuestionResult, Unit, first_error
from prox_assets.training.annotation.levels.noise import NOISE_PROMPTS, MergedProgram, merge, read_program
from prox_assets.training.data.seeds import SEED_CHUNKS, SeedDocument
from prox_assets.training.data.targets.lines import BLANK_WEIGHT

_KINDS = {kind.prompt: kind for kind in NOISE_PROMPTS}
# "[000]" and the line break.
_LABEL_CHARACTERS = LABEL_DIGITS + 3
_MOST_LINES = 10**LABEL_DIGITS


class ChunkLevel:
    """Cuts documents into runs of whole lines, labelled from [000] in each chunk.

    If the merged program removes more than `max_removed_share` of a chunk's visible characters, the row has no program,
    but the share and an error.
    """

    schema: pa.Schema = SEED_CHUNKS
    prompts = tuple(_KINDS)

    def __init__(self, config: AnnotatorConfig) -> None:
        self._characters = config.chunk_characters
        self._max_removed_share = config.max_removed_share

    def units(self, document: SeedDocument) -> Iterator[Unit]:
        """Yield the chunks of a document; together they cover its lines exactly once."""
        lines = document.text.split("\n")
        sizes = [len(shown_line(line)) + _LABEL_CHARACTERS for line in lines]
        for chunk in pack_lines(sizes, self._characters, max_lines=_MOST_LINES):
            inside = lines[chunk.line_start : chunk.line_end + 1]
            text = "\n".join(inside)
            skip_reason = chunk.skip_reason if text.strip() else BLANK
            yield Unit(document, chunk.line_start, chunk.line_end, text, label_lines(inside, 0), skip_reason)

    def judge(self, unit: Unit, prompt: str, text: str) -> tuple[Operation, ...]:
        """Return the operations in an answer; raises UnusableAnswerError as `read_program` does."""
        return read_program(text, unit.text.split("\n"), _KINDS[prompt])

    def columns(self, unit: Unit, results: Mapping[str, QuestionResult]) -> dict[str, Any]:
        """Return the merged program and its line targets; they need an answer for every kind of noise."""
        lines = unit.text.split("\n")
        merged: MergedProgram | None = None
        error = first_error(unit, results)
        if error is None:
            try:
                merged = merge([results[prompt].value for prompt in self.prompts], lines)
            except UnusableAnswerError as problem:
                error = str(problem)
        if merged is not None and merged.removed_share > self._max_removed_share:
            error = (
                f"removes too much: {merged.removed_share:.1%} of the chunk, max_removed_share is "
                f"{self._max_removed_share:.1%}"
            )
        row = {
            "line_start": unit.line_start,
            "line_end": unit.line_end,
            "removed_share": merged and merged.removed_share,
            "error": error,
        }
        if merged is None or error is not None:
            return row
        return {
            **row,
            "program": merged.program,
            "line_targets": [float(number not in merged.removed_lines) for number in range(len(lines))],
            "line_weights": [1.0 if line.strip() else BLANK_WEIGHT for line in lines],
        }
