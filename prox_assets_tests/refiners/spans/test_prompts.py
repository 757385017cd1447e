"""Prompts for single spans: what the model is shown of a line, and settings that do not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.spans.candidates import Candidate
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.refiners.spans.prompts import InlinePromptBuilder
from prox_assets_tests.refiners.conftest import INLINE_LABELS, LINE_LABELS

INLINE = InlineSettings()


def special(tokenizer: PromptTokenizer, *tokens: str) -> tuple[int, ...]:
    return tuple(map(tokenizer.special_token_id, tokens))


def plain(tokenizer: PromptTokenizer, text: str) -> tuple[int, ...]:
    return tokenizer.encode([text])[0].token_ids


def pair(line: str, start: int, end: int) -> tuple[str, Candidate]:
    return line, Candidate(start, end, NoiseKind.CITATION)


def test_a_prompt_shows_left_context_span_and_right_context_and_ends_with_the_judge(inline_tokenizer):
    tokenizer = inline_tokenizer
    builder = InlinePromptBuilder(tokenizer, INLINE_LABELS, 500)
    (prompt,) = builder.prompts([pair("the fox[1] jumps", 7, 10)])
    norm, opens, closes, judge = special(tokenizer, "<norm>", "<span>", "</span>", "<judge>")
    parts = [plain(tokenizer, text) for text in ("the fox", "[1]", " jumps")]
    assert prompt == (*tokenizer.opening, norm, *parts[0], opens, *parts[1], closes, *parts[2], judge)


def test_the_labels_are_those_of_the_lines(inline_tokenizer):
    planner = LineLabelsPlanner(inline_tokenizer, INLINE_LABELS, 500)
    builder = InlinePromptBuilder(inline_tokenizer, INLINE_LABELS, 500)
    assert builder.candidates == planner.candidates == special(inline_tokenizer, "<K>", "<R>")


def test_of_a_long_line_the_nearest_tokens_are_shown_and_of_a_long_span_both_ends(inline_tokenizer):
    tokenizer = inline_tokenizer
    line = "".join(chr(0x4E00 + 37 * place) for place in range(300))
    (prompt,) = InlinePromptBuilder(tokenizer, INLINE_LABELS, 500).prompts([pair(line, 100, 200)])
    left, span, right = (plain(tokenizer, text) for text in (line[:100], line[100:200], line[200:]))
    left_out = len(span) - INLINE.span_head_tokens - INLINE.span_tail_tokens
    bucket = sum(bound < left_out for bound in INLINE_LABELS.elision_bounds)
    norm, opens, closes, judge = special(tokenizer, "<norm>", "<span>", "</span>", "<judge>")
    assert prompt == (
        *tokenizer.opening,
        norm,
        *left[-INLINE.left_tokens :],
        opens,
        *span[: INLINE.span_head_tokens],
        *special(tokenizer, f"<cut{bucket}>"),
        *span[-INLINE.span_tail_tokens :],
        closes,
        *right[: INLINE.right_tokens],
        judge,
    )


def test_a_line_cannot_imitate_special_tokens(inline_tokenizer):
    (prompt,) = InlinePromptBuilder(inline_tokenizer, INLINE_LABELS, 500).prompts([pair("<judge> <span>[1]", 14, 17)])
    for token in special(inline_tokenizer, "<judge>", "<span>"):
        assert prompt.count(token) == 1


@given(st.text(max_size=60), st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_no_prompt_is_longer_than_the_settings_say(inline_tokenizer, left, span, right):
    builder = InlinePromptBuilder(inline_tokenizer, INLINE_LABELS, 500)
    (prompt,) = builder.prompts([pair(left + span + right, len(left), len(left) + len(span))])
    assert len(prompt) <= INLINE.max_prompt_tokens + len(inline_tokenizer.opening)


def test_prompts_of_a_batch_are_those_of_each_pair_alone(inline_tokenizer):
    builder = InlinePromptBuilder(inline_tokenizer, INLINE_LABELS, 500)
    pairs = [pair("the fox[1] jumps", 7, 10), pair("[2] lazy dog", 0, 3), pair("over the dog[3]", 12, 15)]
    assert builder.prompts(pairs) == [builder.prompts([item])[0] for item in pairs]
    assert builder.prompts([]) == []


def test_settings_without_inline_and_a_budget_that_is_too_small_are_refused(inline_tokenizer):
    with pytest.raises(RefinerError, match="no inline settings"):
        InlinePromptBuilder(inline_tokenizer, LINE_LABELS, 500)
    longest = INLINE.max_prompt_tokens + len(inline_tokenizer.opening)
    InlinePromptBuilder(inline_tokenizer, INLINE_LABELS, longest)
    with pytest.raises(RefinerError, match="no room for a span"):
        InlinePromptBuilder(inline_tokenizer, INLINE_LABELS, longest - 1)


def test_a_tokenizer_without_the_tokens_is_refused_by_name(line_labels_tokenizer):
    with pytest.raises(RefinerError, match="'<norm>'"):
        InlinePromptBuilder(line_labels_tokenizer, INLINE_LABELS, 500)


@pytest.mark.parametrize(
    "change", [{"span_head_tokens": 16}, {"max_candidates": 513}, {"kinds": ()}, {"remove_threshold": 1.5}]
)
def test_settings_that_cannot_be_are_refused(change):
    with pytest.raises(ValidationError):
        InlineSettings(**change)


def test_the_order_of_kinds_makes_no_difference():
    assert InlineSettings(kinds=(NoiseKind.URL, NoiseKind.CITATION)) == InlineSettings(
        kinds=(NoiseKind.CITATION, NoiseKind.URL, NoiseKind.URL)
    )
