"""Simultaneous replacement and the word rule."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs.execution.replacing import Search, replace_all_at_once
from prox_assets.programs.words import cuts_word


def replaced(text, pairs, whole_words=False):
    searches = [Search(source, target, owner) for owner, (source, target) in enumerate(pairs)]
    result = replace_all_at_once(text, searches, len(pairs), whole_words)
    assert result is not None
    return result


def leftmost_longest(text, pairs, whole_words):
    """The definition, place by place."""
    output, place = "", 0
    while place < len(text):
        for source, target in sorted(pairs, key=lambda pair: -len(pair[0])):
            whole = not (cuts_word(text, place) or cuts_word(text, place + len(source)))
            if text.startswith(source, place) and (whole or not whole_words):
                output, place = output + target, place + len(source)
                break
        else:
            output, place = output + text[place], place + 1
    return output


letters = st.text(alphabet="aabB1 中", max_size=40)
sources = st.dictionaries(
    st.text(alphabet="aabB1 中", min_size=1, max_size=4), st.sampled_from(["", "a", "XY"]), max_size=5
)


@given(letters, sources, st.booleans())
def test_the_leftmost_longest_match_wins(text, pairs, whole_words):
    assert replaced(text, list(pairs.items()), whole_words)[0] == leftmost_longest(
        text, list(pairs.items()), whole_words
    )


@given(letters, sources)
def test_the_order_of_searches_does_not_matter(text, pairs):
    results = {replaced(text, order)[0] for order in itertools.islice(itertools.permutations(pairs.items()), 6)}

    assert len(results) == 1


def test_what_was_put_in_is_not_searched():
    assert replaced("ab", [("a", "b"), ("b", "a")])[0] == "ba"


def test_tallies_tell_what_became_of_the_matches():
    text, tallies = replaced("cat concat cat", [("cat", "dog"), ("at", "x"), ("cow", "")], whole_words=True)

    assert text == "dog concat dog"
    assert [(tally.replaced, tally.cut_words, tally.overlapped) for tally in tallies] == [
        (2, 1, 0),
        (0, 1, 2),
        (0, 0, 0),
    ]
    assert (tallies[0].characters_removed, tallies[0].characters_added) == (6, 6)


@pytest.mark.parametrize(
    ("text", "position", "cuts"),
    [
        ("ab", 1, True),
        ("a b", 1, False),
        ("a.b", 1, False),
        ("aB", 1, False),
        ("AB", 1, True),
        ("Ab", 1, True),
        ("12", 1, True),
        ("1a", 1, False),
        ("中文", 1, False),
        ("a中", 1, False),
        ("ไทย", 1, False),
        ("かな", 1, False),
        ("ꀀꀁ", 1, False),
        ("한국", 1, True),
        ("éa", 1, True),
        ("e\u0301", 1, True),
        ("नमस्ते", 3, True),
        ("ab", 0, False),
        ("ab", 2, False),
        ("", 0, False),
    ],
)
def test_a_cut_inside_a_word_is_told_from_one_between_words(text, position, cuts):
    assert cuts_word(text, position) is cuts
