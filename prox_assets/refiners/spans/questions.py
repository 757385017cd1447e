"""The questions about spans inside a chunk's lines, and the program that follows from the answers.

candidates.py finds the spans, prompts.py asks about them, calls.py writes the calls, and model/chunk_refiner.py sends
the requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prox_assets.programs.operations import render
from prox_assets.refiners.spans.calls import NoiseSpan, normalize_calls
from prox_assets.refiners.spans.candidates import find_candidates
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.refiners.spans.invisible import control_pairs, halves_a_pair
from prox_assets.refiners.spans.prompts import InlinePromptBuilder

CHUNK_CHARACTERS = 1_000_000
"""A larger chunk gets no questions, because each string of a program is searched for in the whole chunk."""


@dataclass(frozen=True, slots=True)
class SpanQuestion:
    """A span of a chunk, and the prompt that asks whether it is noise; the answer is read off after its last token."""

    noise_span: NoiseSpan
    prompt_token_ids: tuple[int, ...]


class InlineJudge:
    """Asks about the candidates of chunks and writes the program that removes the noise among them."""

    def __init__(self, builder: InlinePromptBuilder, settings: InlineSettings) -> None:
        """Take the prompt builder and the settings it was built with."""
        self._builder = builder
        self._settings = settings

    def questions(self, lines: Sequence[str]) -> list[SpanQuestion]:
        """Return the questions about a chunk's lines: the first `max_candidates`, in text order."""
        if sum(map(len, lines)) > CHUNK_CHARACTERS:
            return []
        spans: list[NoiseSpan] = []
        # A direction control may have its partner in another line.
        pairs = control_pairs("\n".join(lines))
        line_start = 0
        for number, line in enumerate(lines):
            spans += (
                NoiseSpan(number, span)
                for span in find_candidates(line, self._settings.kinds)
                if not halves_a_pair(line_start + span.start, line_start + span.end, pairs)
            )
            line_start += len(line) + 1
            if len(spans) >= self._settings.max_candidates:
                del spans[self._settings.max_candidates :]
                break
        prompts = self._builder.prompts([(lines[number], span) for number, span in spans])
        return [SpanQuestion(span, prompt) for span, prompt in zip(spans, prompts, strict=True)]

    def program(
        self, lines: Sequence[str], questions: Sequence[SpanQuestion], keep_probabilities: Sequence[float]
    ) -> str | None:
        """Return the calls that remove the spans judged to be noise; None if there are none.

        Args:
            lines: The chunk's lines.
            questions: The result of `questions` for them.
            keep_probabilities: The answers, P(keep) in [0, 1], in the same order.
        """
        noise = [
            question.noise_span
            for question, keep in zip(questions, keep_probabilities, strict=True)
            if 1.0 - keep > self._settings.remove_threshold
        ]
        return render(normalize_calls(lines, noise)) or None
