"""Prompts that ask whether one span inside a line is noise.

Training and inference build their prompts with this same code.
"""

from bisect import bisect_left
from collections.abc import Sequence

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.formats import shown_line
from prox_assets.refiners.spans.candidates import Candidate
from prox_assets.refiners.spans.config import InlineSettings

# Before encoding, context is cut to this many characters per token, so a candidate costs the same in any line. In
# English a token is about 4 characters; only runs of spaces or of one mark come near this bound.
_CHARACTERS_PER_TOKEN = 12


class InlinePromptBuilder:
    """Builds the prompts; the decision is read off after a prompt's last token.

    Attributes:
        candidates: Ids of the keep and the remove label, in this order; they are the labels used for lines.
    """

    def __init__(self, tokenizer: PromptTokenizer, settings: LineLabelsSettings, budget: int) -> None:
        """Look up every special token.

        Args:
            tokenizer: The model's tokenizer.
            settings: The dialect's settings, with `inline` set.
            budget: Largest prompt, in tokens.

        Raises:
            RefinerError: There are no inline settings, a token is missing or is not a special token, or the longest
                prompt would not fit the budget.
        """
        if settings.inline is None:
            raise RefinerError("The refiner's line_labels have no inline settings, so it cannot judge spans of lines.")
        self._tokenizer = tokenizer
        self._settings = settings.inline
        look_up = tokenizer.special_token_id
        self._start, self._judge = look_up(self._settings.start_token), look_up(self._settings.judge_token)
        self._span_start = look_up(self._settings.span_start_token)
        self._span_end = look_up(self._settings.span_end_token)
        self._elisions = [look_up(token) for token in settings.elision_tokens]
        self._elision_bounds = settings.elision_bounds
        self.candidates = (look_up(settings.keep_token), look_up(settings.remove_token))
        longest = len(tokenizer.opening) + self._settings.max_prompt_tokens
        if longest > budget:
            raise RefinerError(
                f"A prompt of {budget} tokens has no room for a span with its context, {longest} tokens: raise window "
                "or max_prompt_tokens, or lower left_tokens, right_tokens or max_span_tokens of line_labels.inline."
            )

    def prompts(self, pairs: Sequence[tuple[str, Candidate]]) -> list[tuple[int, ...]]:
        """Return the prompt for each line and candidate, all encoded in one batch.

        Args:
            pairs: Lines, each with one of its spans.
        """
        settings: InlineSettings = self._settings
        left_characters = settings.left_tokens * _CHARACTERS_PER_TOKEN
        right_characters = settings.right_tokens * _CHARACTERS_PER_TOKEN
        texts: list[str] = []
        for stored, span in pairs:
            line = shown_line(stored)
            texts.append(line[max(0, span.start - left_characters) : span.start])
            texts.append(line[span.start : span.end])
            texts.append(line[span.end : span.end + right_characters])
        ids = [item.token_ids for item in self._tokenizer.encode(texts)]
        return [self._prompt(*ids[first : first + 3]) for first in range(0, len(ids), 3)]

    def _prompt(self, left: tuple[int, ...], span: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        return (
            *self._tokenizer.opening,
            self._start,
            *left[max(0, len(left) - self._settings.left_tokens) :],
            self._span_start,
            *self._shorten(span),
            self._span_end,
            *right[: self._settings.right_tokens],
            self._judge,
        )

    def _shorten(self, span: tuple[int, ...]) -> tuple[int, ...]:
        settings = self._settings
        if len(span) <= settings.max_span_tokens:
            return span
        left_out = len(span) - settings.span_head_tokens - settings.span_tail_tokens
        elision = self._elisions[bisect_left(self._elision_bounds, left_out)]
        return (*span[: settings.span_head_tokens], elision, *span[len(span) - settings.span_tail_tokens :])
