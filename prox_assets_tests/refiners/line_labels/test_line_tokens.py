"""The token that ends each line: what it tells of the lines around it."""

import string
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.surroundings import (
    FACTORS,
    LINE_TOKENS,
    SIZE_TOKENS,
    document_size,
    line_token_values,
    line_tokens,
    word_count,
)
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.training.data.vocabulary import special_tokens

LINES = ["Menu", "One sentence ends here.", "", "Menu", "no end of a sentence but quite a few words in it"]
NO_LINE = FACTORS["next"] - 1


def told(lines: list[str]) -> list[dict[str, int] | None]:
    """Return the values by factor of each line; None for blank lines."""
    return [
        None if index is None else dict(zip(FACTORS, line_token_values(index), strict=True))
        for index in line_tokens(lines)
    ]


def values(lines: list[str], factor: str) -> list[int]:
    return [found[factor] for found in told(lines) if found is not None]


def test_every_combination_of_values_has_one_token():
    found = [line_token_values(index) for index in range(len(LINE_TOKENS))]
    assert len(set(found)) == len(found) == prod(FACTORS.values())
    for column, size in zip(zip(*found, strict=True), FACTORS.values(), strict=True):
        assert set(column) == set(range(size))


def test_blank_lines_have_no_token():
    assert [index is None for index in line_tokens(["a", "", " \t", "b"])] == [False, True, True, False]
    assert line_tokens([]) == []
    assert line_tokens(["", " "]) == [None, None]


def test_places_are_sixths_of_the_document_and_blank_lines_count():
    assert values(["a"] * 12, "place") == [place for place in range(6) for _ in range(2)]
    assert values(["", "", "", "a", "", "b"], "place") == [3, 5]


def test_the_next_line_is_told_by_its_words_and_by_whether_it_ends_a_sentence():
    following = [
        "one",
        "one.",
        "two words",
        "One sentence ends here.",
        "five words of a heading",
        "eleven words are in this line and it has no end",
        " ".join(["word"] * 26) + ".",
    ]
    assert values(["first", *following], "next") == [0, 1, 2, 3, 4, 6, 9, NO_LINE]
    assert values(["first", "", "", "one."], "next") == [1, NO_LINE]


@pytest.mark.parametrize(
    "line", ['He said: "It ends."', "これで終わりです。", "really?!", "and so on…", "(in brackets.)"]
)
def test_a_sentence_may_end_with_quotes_and_in_other_scripts(line):
    assert values(["first", line], "next")[0] % 2 == 1


def test_means_of_the_lines_ahead_reach_over_ten_and_forty_lines():
    long, short = " ".join(["word"] * 30), "word"
    lines = ["first", *[short] * 10, *[long] * 40, short]
    near, far = values(lines, "near"), values(lines, "far")
    # After the first line ten short ones follow, then the long ones begin; nothing follows the last line.
    assert (near[0], near[1], near[11], near[-1]) == (0, 2, 5, 0)
    # Thirty of the next forty lines are long, then all of them.
    assert (far[0], far[11], far[-1]) == (3, 3, 0)
    assert values(["first", *[short] * 39, long], "far")[0] == 0


def test_a_line_that_occurs_again_says_so_at_each_place_whatever_space_is_around_it():
    assert values(LINES, "again") == [1, 0, 1, 0]
    assert values(["a", " a\t", "b"], "again") == [1, 1, 0]


def test_a_gap_is_a_blank_line_that_follows():
    assert values(LINES, "gap") == [0, 1, 0, 0]
    assert values(["a", " ", "b", ""], "gap") == [1, 1]


def test_words_are_counted_where_there_are_no_spaces_too():
    assert word_count("two words") == 2
    assert word_count("これは日本語の文章です。") == 5
    assert word_count("!") == 1


def test_the_size_of_a_document_is_told_by_its_words():
    sizes = [document_size(["word"] * words) for words in (1, 60, 61, 4000, 4001, 100_000)]
    assert sizes == [0, 0, 1, 6, 7, 7]
    assert len(SIZE_TOKENS) == 8


@given(st.lists(st.text(alphabet=string.printable + "é中ⅷ\u2028", max_size=30), max_size=40))
def test_every_line_that_is_not_blank_has_a_token_that_exists(lines):
    found = line_tokens(lines)
    assert [index is None for index in found] == [not line.strip() for line in lines]
    assert all(0 <= index < len(LINE_TOKENS) for index in found if index is not None)


@pytest.mark.parametrize("settings", [LineLabelsSettings(), LineLabelsSettings(inline=InlineSettings())])
def test_the_vocabulary_of_a_refiner_has_every_token_once(settings):
    tokens = special_tokens(settings)
    assert {*LINE_TOKENS, *SIZE_TOKENS} <= set(tokens)
    assert len(tokens) == len(set(tokens))
