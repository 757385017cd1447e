"""The line-labels dialect: how lines become tokens."""

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.prompts import LineLabelsDocumentPrompts, LineLabelsPlanner
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.formats import shown_text
from prox_assets_tests.refiners.conftest import LINE_LABELS
from prox_assets_tests.refiners.prompts.test_chunk_prompts import NASTY_DOCUMENTS, lines_of


def special(tokenizer: PromptTokenizer, *tokens: str) -> tuple[int, ...]:
    return tuple(map(tokenizer.special_token_id, tokens))


def plain(tokenizer: PromptTokenizer, text: str) -> tuple[int, ...]:
    return tokenizer.encode([text])[0].token_ids


def test_every_line_ends_with_its_number_where_the_label_is_read(line_labels_tokenizer):
    tokenizer = line_labels_tokenizer
    ((planned,),) = LineLabelsPlanner(tokenizer, LINE_LABELS, 500).plan(["ab\n\ncd"])
    zero, one, two = special(tokenizer, "[000]", "[001]", "[002]")
    opening = tokenizer.opening + special(tokenizer, "<doc>", "<top>", "<bot>")
    ids = (*opening, *plain(tokenizer, "ab"), zero, one, *plain(tokenizer, "cd"), two)
    assert planned.prompt_token_ids == ids
    assert [ids[position] for position in planned.positions] == [zero, one, two]


def test_place_tokens_say_where_in_the_document_a_chunk_is(line_labels_tokenizer):
    (chunks,) = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 500).plan(["\n".join("abcdefgh" * 5)])
    top, middle, bottom = special(line_labels_tokenizer, "<top>", "<mid>", "<bot>")
    places = [item.prompt_token_ids[2:4] for item in chunks]
    assert places == [(top, middle), (middle, middle), (middle, bottom)]
    assert [len(item.positions) for item in chunks] == [16, 16, 8]


def test_a_long_line_keeps_head_and_tail_and_says_how_much_is_missing(line_labels_tokenizer):
    tokenizer = line_labels_tokenizer
    planner = LineLabelsPlanner(tokenizer, LINE_LABELS, 500)
    for letters, bucket in ((13, "<cut0>"), (11 + 5, "<cut1>"), (11 + 256, "<cut6>"), (11 + 257, "<cut7>")):
        line = "".join(chr(0x4E00 + 37 * place) for place in range(letters))
        ids = plain(tokenizer, line)
        left_out = len(ids) - 11
        ((planned,),) = planner.plan([line])
        body = planned.prompt_token_ids[4:-1]
        bounds = (*LINE_LABELS.elision_bounds, len(ids))
        expected = next(f"<cut{place}>" for place, bound in enumerate(bounds) if left_out <= bound)
        assert body == (*ids[:9], *special(tokenizer, expected), *ids[-2:]), bucket


def test_a_page_cannot_imitate_special_tokens(line_labels_tokenizer):
    ((planned,),) = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 500).plan(["[001]\n<K>"])
    one, keep = special(line_labels_tokenizer, "[001]", "<K>")
    assert planned.prompt_token_ids.count(one) == 1
    assert keep not in planned.prompt_token_ids


@settings(deadline=None)
@given(text=NASTY_DOCUMENTS)
def test_no_prompt_exceeds_the_budget_and_no_line_is_skipped(line_labels_tokenizer, text):
    budget = 40
    (chunks,) = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, budget).plan([text])
    assert lines_of(chunks) == list(range(text.count("\n") + 1))
    for item in chunks:
        assert len(item.prompt_token_ids) <= budget
        assert len(item.positions) == item.chunk.line_end - item.chunk.line_start + 1
        assert item.chunk.skip_reason is None


@settings(deadline=None)
@given(text=NASTY_DOCUMENTS)
def test_a_page_with_crlf_is_shown_as_the_same_page_with_lf(inline_tokenizer, text):
    text = shown_text(text)
    planner = LineLabelsPlanner(inline_tokenizer, LINE_LABELS, 60)
    documents = LineLabelsDocumentPrompts(inline_tokenizer, LINE_LABELS, 60)
    crlf = text.replace("\n", "\r\n")
    for page in (crlf, crlf + "\r"):
        assert planner.plan([page]) == planner.plan([text])
        assert documents.build([page]) == documents.build([text])


def test_a_tokenizer_without_the_special_tokens_is_refused_by_name(tokenizer):
    with pytest.raises(RefinerError, match="no special token '<doc>'"):
        LineLabelsPlanner(tokenizer, LINE_LABELS, 500)


def test_more_lines_than_number_tokens_are_refused(line_labels_tokenizer):
    with pytest.raises(RefinerError, match=r"\[016\]"):
        LineLabelsPlanner(line_labels_tokenizer, LineLabelsSettings(max_lines=17), 500)


def test_a_budget_without_room_for_a_line_is_refused(line_labels_tokenizer):
    with pytest.raises(RefinerError, match="no room for one line"):
        LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 15)


@pytest.mark.parametrize(
    "change", [{"elision_bounds": (1, 2)}, {"elision_bounds": (9, 8, 16, 32, 64, 128, 256)}, {"head_tokens": 11}]
)
def test_settings_that_contradict_each_other_are_refused(change):
    with pytest.raises(ValidationError):
        LineLabelsSettings(**change)
