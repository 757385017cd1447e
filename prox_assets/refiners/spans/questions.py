"""What is asked of a chunk about the insides of its lines, and the program that the answers make.

Belongs here: candidates of a chunk, their prompts, answers to calls. Not here: sending requests (chunk_refiner.py),
and each of the steps: finding (inline_noise.py), asking (inline_prompts.py), writing calls (inline_calls.py).
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
"""A chunk with more characters is not looked into: each string of a program is looked for in all of it."""


@dataclass(frozen=True, slots=True)
class SpanQuestion:
    """A span of a chunk, and the prompt that asks whether it is noise; the answer is read off behind its last token."""

    noise_span: NoiseSpan
    prompt_token_ids: tuple[int, ...]


class InlineJudge:
    """Asks about the candidates of chunks and writes the program of those that are noise."""

    def __init__(self, builder: InlinePromptBuilder, settings: InlineSettings) -> None:
        """Take the prompts' builder and the settings it was made with."""
        self._builder = builder
        self._settings = settings

    def questions(self, lines: Sequence[str]) -> list[SpanQuestion]:
        """Return the questions about a chunk's lines: the first `max_candidates`, in order of the text."""
        if sum(map(len, lines)) > CHUNK_CHARACTERS:
            return []
        spans: list[NoiseSpan] = []
        # A control of writing direction may have its partner in another line.
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
        """Return the calls that take out the spans judged to be noise; None if there are none.

        Args:
            lines: The chunk's lines.
            questions: What `questions` returned for them.
            keep_probabilities: The answers, P(keep) in [0, 1], in the same order.
        """
        noise = [
            question.noise_span
            for question, keep in zip(questions, keep_probabilities, strict=True)
            if 1.0 - keep > self._settings.remove_threshold
        ]
        return render(normalize_calls(lines, noise)) or None
