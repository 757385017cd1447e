"""The line-labels dialect: how lines become tokens."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from pydantic import ValidationError

from prox_assets.engines.protocol import Score, ScoreRequest
from prox_assets.programs.chunking import Chunk
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.prompts import LineLabelsDocumentPrompts, LineLabelsPlanner
from prox_assets.refiners.line_labels.surroundings import LINE_TOKENS, SIZE_TOKENS, document_size, line_tokens
from prox_assets.refiners.model.document_refiner import ModelDocumentRefiner
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.formats import shown_text
from prox_assets.refiners.protocol import RefinerInput
from prox_assets_tests.refiners.conftest import LINE_LABELS
from prox_assets_tests.refiners.prompts.test_chunk_prompts import NASTY_DOCUMENTS, lines_of
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine


def special(tokenizer: PromptTokenizer, *tokens: str) -> tuple[int, ...]:
    return tuple(map(tokenizer.special_token_id, tokens))


def plain(tokenizer: PromptTokenizer, text: str) -> tuple[int, ...]:
    return tokenizer.encode([text])[0].token_ids


def ends(tokenizer: PromptTokenizer, lines: Sequence[str]) -> list[int]:
    """Return the line token of each line that is not blank."""
    return [tokenizer.special_token_id(LINE_TOKENS[index]) for index in line_tokens(lines) if index is not None]


def size(tokenizer: PromptTokenizer, text: str) -> int:
    return tokenizer.special_token_id(SIZE_TOKENS[document_size(text.split("\n"))])


def test_every_line_ends_with_its_token_where_the_label_is_read(line_labels_tokenizer):
    tokenizer = line_labels_tokenizer
    text = "ab\n\ncd"
    ((planned,),) = LineLabelsPlanner(tokenizer, LINE_LABELS, 500).plan([text])
    first, second = ends(tokenizer, text.split("\n"))
    opening = (*tokenizer.opening, *special(tokenizer, "<doc>", "<top>", "<bot>"), size(tokenizer, text))
    ids = (*opening, *plain(tokenizer, "ab"), first, *plain(tokenizer, "cd"), second)
    assert planned.prompt_token_ids == ids
    assert [ids[position] for position in planned.positions] == [first, first, second]


def test_blank_lines_have_the_position_of_the_line_before_them_and_the_first_that_of_the_first_line(
    line_labels_tokenizer,
):
    planner = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 500)
    ((planned,),) = planner.plan(["\n \nab\n\n\ncd\n"])
    first, second = planned.positions[2], planned.positions[5]
    assert planned.positions == (first, first, first, first, first, second, second)
    assert second == len(planned.prompt_token_ids) - 1
    ((bare,),) = planner.plan(["ab\ncd"])
    assert len(bare.prompt_token_ids) == len(planned.prompt_token_ids)


def test_a_chunk_of_blank_lines_is_read_off_at_the_documents_size(line_labels_tokenizer):
    planner = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 500)
    [document] = planner.show([["ab", "", ""]])
    planned = planner.prompt(Chunk(1, 1, 2), document)
    assert planned.prompt_token_ids[-1] == document.size
    assert planned.positions == (len(planned.prompt_token_ids) - 1,) * 2


def test_place_tokens_say_where_in_the_document_a_chunk_is(line_labels_tokenizer):
    text = "\n".join("abcdefgh" * 5)
    (chunks,) = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 37).plan([text])
    top, middle, bottom = special(line_labels_tokenizer, "<top>", "<mid>", "<bot>")
    places = [item.prompt_token_ids[2:4] for item in chunks]
    assert places == [(top, middle), (middle, middle), (middle, bottom)]
    assert [len(item.positions) for item in chunks] == [16, 16, 8]
    # Where a chunk ends makes no difference to what its line tokens say.
    told = [item.prompt_token_ids[position] for item in chunks for position in item.positions]
    assert told == ends(line_labels_tokenizer, text.split("\n"))


def test_a_long_line_keeps_head_and_tail_and_says_how_much_is_missing(line_labels_tokenizer):
    tokenizer = line_labels_tokenizer
    planner = LineLabelsPlanner(tokenizer, LINE_LABELS, 500)
    # Each of these characters is three tokens.
    for letters, bucket in ((5, "<cut0>"), (8, "<cut2>"), (80, "<cut6>"), (100, "<cut7>")):
        line = "".join(chr(0x4E00 + 37 * place) for place in range(letters))
        ids = plain(tokenizer, line)
        ((planned,),) = planner.plan([line])
        body = planned.prompt_token_ids[len(tokenizer.opening) + 4 : -1]
        assert body == (*ids[:9], *special(tokenizer, bucket), *ids[-3:]), bucket


def test_a_line_of_many_characters_is_shortened_whatever_its_tokens(line_labels_tokenizer):
    settings = LINE_LABELS.model_copy(update={"max_line_tokens": 100, "max_line_characters": 20})
    planner = LineLabelsPlanner(line_labels_tokenizer, settings, 500)
    cut = special(line_labels_tokenizer, *LINE_LABELS.elision_tokens)
    for line, shortened in (("z" * 20, False), ("z" * 21, True)):
        ((planned,),) = planner.plan([line])
        assert bool(set(cut) & set(planned.prompt_token_ids)) == shortened


def test_a_page_cannot_imitate_special_tokens(line_labels_tokenizer):
    ((planned,),) = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 500).plan(["<line7>\n<K>"])
    seventh, keep = special(line_labels_tokenizer, "<line7>", "<K>")
    assert seventh not in planned.prompt_token_ids
    assert keep not in planned.prompt_token_ids


@given(text=NASTY_DOCUMENTS)
def test_no_prompt_exceeds_the_budget_and_no_line_is_skipped(line_labels_tokenizer, text):
    budget = 40
    (chunks,) = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, budget).plan([text])
    assert lines_of(chunks) == list(range(text.count("\n") + 1))
    for item in chunks:
        assert len(item.prompt_token_ids) <= budget
        assert len(item.positions) == item.chunk.line_end - item.chunk.line_start + 1
        assert item.chunk.skip_reason is None


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


def test_a_budget_without_room_for_a_line_is_refused(line_labels_tokenizer):
    with pytest.raises(RefinerError, match="no room for one line"):
        LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 18)


@pytest.mark.parametrize(
    "change", [{"elision_bounds": (1, 2)}, {"elision_bounds": (9, 8, 16, 32, 64, 128, 256)}, {"head_tokens": 11}]
)
def test_settings_that_contradict_each_other_are_refused(change):
    with pytest.raises(ValidationError):
        LineLabelsSettings(**change)


def test_a_document_is_judged_after_its_shortened_lines_and_says_when_it_was_cut(line_labels_tokenizer):
    prompts = LineLabelsDocumentPrompts(line_labels_tokenizer, LINE_LABELS, 100)
    long = "\n".join(f"line {number}" for number in range(60))
    whole, cut = prompts.build(["one\n\ntwo", long])
    judge = line_labels_tokenizer.special_token_id("<judge>")
    assert whole.token_ids[-1] == cut.token_ids[-1] == judge
    assert (whole.truncated, cut.truncated) == (False, True)
    planner = LineLabelsPlanner(line_labels_tokenizer, LINE_LABELS, 99)
    for prompt, text in ((whole, "one\n\ntwo"), (cut, long)):
        assert prompt.token_ids[:-1] == planner.plan([text])[0][0].prompt_token_ids
        assert len(prompt.token_ids) <= 100


def test_a_document_whose_head_is_shown_tells_the_length_of_the_whole(line_labels_tokenizer):
    prompts = LineLabelsDocumentPrompts(line_labels_tokenizer, LINE_LABELS, 60)
    line = "a line of five words"
    texts = ["\n".join([line] * count) for count in (11, 300, 3000)]
    built = prompts.build(texts)
    place = 3 + len(line_labels_tokenizer.opening)
    assert [prompt.token_ids[place] for prompt in built] == [size(line_labels_tokenizer, text) for text in texts]
    assert len({prompt.token_ids[place] for prompt in built}) == 3


def test_a_head_is_shown_alike_however_many_blank_lines_are_in_it(line_labels_tokenizer):
    prompts = LineLabelsDocumentPrompts(line_labels_tokenizer, LINE_LABELS, 60)
    lines = [f"line {letter}" for letter in "abcdefgh"]
    gaps = "\n" * 1000
    bare, spaced = prompts.build(["\n".join(lines), gaps.join(lines)])
    told = set(line_labels_tokenizer.special_token_ids([*LINE_TOKENS, *SIZE_TOKENS]))
    shown = [[token for token in prompt.token_ids if token not in told] for prompt in (bare, spaced)]
    assert shown[0] == shown[1]
    assert (bare.truncated, spaced.truncated) == (False, False)


def test_a_document_refiner_of_the_dialect_compares_keep_with_remove_at_its_last_token(line_labels_tokenizer):
    config = RefinerConfig(
        name="d", level="doc", model="tiny", dialect="line-labels", line_labels=LINE_LABELS, window=400, probe=False
    )
    seen: list[ScoreRequest] = []

    def score(request: ScoreRequest) -> Score:
        seen.append(request)
        return Score(request.request_id, ((math.log(0.6), math.log(0.2)),), len(request.prompt_token_ids))

    refiner = ModelDocumentRefiner(config, ScriptedEngine(score=score), line_labels_tokenizer)
    [result] = refiner.write_programs([RefinerInput("a", "one\ntwo")])
    assert result.keep_probability == pytest.approx(0.75)
    assert seen[0].positions == (len(seen[0].prompt_token_ids) - 1,)
    assert seen[0].candidate_token_ids == special(line_labels_tokenizer, "<K>", "<R>")
