"""What a prompt says of the lines around a line."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.prompts import LineLabelsDocumentPrompts, LineLabelsPlanner
from prox_assets.refiners.line_labels.surroundings import (
    END_TOKEN,
    PEEKED_LINES,
    SURROUNDING_TOKENS,
    TOKENS_PER_LINE,
    Surroundings,
    document_size,
    surroundings,
    word_count,
)
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.training.data.vocabulary import special_tokens, train_tokenizer

SETTINGS = LineLabelsSettings(surroundings=True, backward_token="<back>", max_lines=16)  # noqa: S106
LINES = ["Menu", "One sentence ends here.", "", "Menu", "no end of a sentence but quite a few words in it"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> PromptTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [f"{letter} the menu and a sentence." for letter in string.ascii_letters]
    train_tokenizer(texts, 600, SETTINGS, 500).save_pretrained(folder)
    return load_tokenizer(folder)


def visible(lines: list[str]) -> list[Surroundings]:
    return [told for told in surroundings(lines) if told is not None]


def test_shapes_say_length_sentence_end_and_repetition():
    assert surroundings(LINES)[2] is None
    menu, sentence, again, words = visible(LINES)
    assert menu.forward[1] == again.forward[1] == "<shape0*>"
    assert sentence.forward[1] == "<shape2.>"
    assert words.forward[1] == "<shape4>"


def test_lines_ahead_are_those_in_the_direction_of_reading_blank_ones_left_out():
    menu, sentence, _, words = visible(LINES)
    assert menu.forward[2:5] == ("<shape2.>", "<shape0*>", "<shape4>")
    assert words.forward[2:5] == (END_TOKEN,) * PEEKED_LINES
    assert words.backward[2:5] == ("<shape0*>", "<shape2.>", "<shape0*>")
    assert sentence.backward[2:5] == ("<shape0*>", END_TOKEN, END_TOKEN)
    assert words.forward[5:] == ("<near->", "<far->")


def test_places_are_tenths_of_the_document():
    places = [told.forward[0] for told in surroundings(["a"] * 20) if told]
    assert places == [f"<place{tenth}>" for tenth in range(10) for _ in range(2)]


def test_words_are_counted_where_there_are_no_spaces_too():
    assert word_count("two words") == 2
    assert word_count("これは日本語の文章です。") == 5
    assert document_size(["one two"] * 31) != document_size(["one two"] * 29)


@given(st.lists(st.text(alphabet=string.printable + "é中ⅷ\u2028", max_size=30), max_size=40))
def test_every_line_that_is_not_blank_gets_tokens_that_exist(lines):
    for line, told in zip(lines, surroundings(lines), strict=True):
        assert (told is None) == (not line.strip())
        for tokens in (told.forward, told.backward) if told else ():
            assert len(tokens) == TOKENS_PER_LINE
            assert set(tokens) <= set(SURROUNDING_TOKENS)


def test_the_vocabulary_of_a_refiner_has_every_token_once():
    tokens = special_tokens(SETTINGS)
    assert set(SURROUNDING_TOKENS) <= set(tokens)
    assert len(tokens) == len(set(tokens))
    assert not set(SURROUNDING_TOKENS) & set(special_tokens(SETTINGS.model_copy(update={"surroundings": False})))


def test_a_prompt_tells_them_in_front_of_each_lines_number(tokenizer):
    planner = LineLabelsPlanner(tokenizer, SETTINGS, 400)
    [[planned]] = planner.plan(["\n".join(LINES)])
    told = surroundings(LINES)
    for number, (position, backward_position) in enumerate(
        zip(planned.positions, planned.backward_positions, strict=True)
    ):
        expected = told[number]
        if expected is None:
            continue
        for ids, place, names in (
            (planned.prompt_token_ids, position, expected.forward),
            (planned.backward_token_ids, backward_position, expected.backward),
        ):
            wanted = tuple(tokenizer.special_token_id(name) for name in names)
            assert ids[place - TOKENS_PER_LINE : place] == wanted


def test_no_prompt_exceeds_its_budget_with_them(tokenizer):
    budget = 80
    planner = LineLabelsPlanner(tokenizer, SETTINGS, budget)
    [chunks] = planner.plan(["\n".join(f"line {number} of a longer text" for number in range(40))])
    assert len(chunks) > 3
    assert all(len(chunk.prompt_token_ids) <= budget for chunk in chunks)
    assert all(len(chunk.backward_token_ids) <= budget for chunk in chunks)


def test_a_document_whose_head_is_shown_tells_the_length_of_the_whole(tokenizer):
    prompts = LineLabelsDocumentPrompts(tokenizer, SETTINGS, 450)
    short = "\n".join(["a line of five words"] * 17)
    long = "\n".join(["a line of five words"] * 900)
    built = prompts.build([short, long])
    size = 3 + len(tokenizer.opening)
    assert built[0].token_ids[size] == tokenizer.special_token_id(document_size(short.split("\n")))
    assert built[1].token_ids[size] == tokenizer.special_token_id(document_size(long.split("\n")))
    assert built[0].token_ids[size] != built[1].token_ids[size]
    assert replace(built[0], truncated=True) == built[0]
