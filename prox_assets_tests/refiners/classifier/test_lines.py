"""The features of lines, which numpy computes for many texts at once, against plain Python."""

import re

import numpy as np
import pytest

from prox_assets.refiners.classifier.context import function_words, tree_features
from prox_assets.refiners.classifier.linear import gathered, scattered
from prox_assets.refiners.classifier.lines import HEAD, TAIL, WORD_BITS, Lines, mixed, read_lines

TEXTS = [
    "Home\n\n  The cat sat on the mat, and The Cat stayed. \nHome",
    "漢字を読む test ไทย\n\n",
    "\n \n",
    "x",
    "naïve façade — Ünïcode_words 12,345.67 (don't)\n🙂🙂 emoji \ud800 lone\n" + "long " * 200 + "end.",
]


def words_of(lines: Lines, number: int) -> list[int]:
    ends = np.concatenate([[0], lines.word_ends])
    return lines.words[ends[number] : ends[number + 1]].tolist()


def test_words_are_runs_of_letters_and_equal_words_have_equal_hashes_wherever_they_stand():
    lines = read_lines(TEXTS[:1])
    home, sentence, _ = (words_of(lines, number) for number in range(3))
    assert len(sentence) == len(re.findall(r"\w+", TEXTS[0].split("\n")[2]))
    assert home == words_of(lines, 2)
    assert sentence[0] == sentence[4] == sentence[7]  # The, the, The
    assert len(set(sentence)) == 7  # the, cat, sat, on, mat, and, stayed
    assert home[0] not in sentence


def test_every_letter_of_a_script_without_spaces_is_a_word():
    lines = read_lines(["漢字を読む test漢x ไทย"])
    assert lines.word_counts.tolist() == [5 + 3 + 3]
    assert words_of(lines, 0)[0] == words_of(lines, 0)[6]


def test_blank_lines_are_left_out_and_numbers_places_and_repeats_are_those_of_the_text():
    lines = read_lines(TEXTS[:3])
    assert lines.numbers.tolist() == [0, 2, 3, 0]
    assert lines.ends.tolist() == [3, 4, 4]
    assert lines.totals.tolist() == [4, 3, 3]
    assert lines.repeats.tolist() == [2, 1, 2, 1]
    assert lines.characters.tolist()[:2] == [4, 43]
    assert lines.capitals.tolist()[:2] == [1, 3]


def test_a_lines_features_do_not_depend_on_what_is_read_with_it():
    together = read_lines(TEXTS)
    for number, text in enumerate(TEXTS):
        alone = read_lines([text])
        own = slice(together.begins[number], together.ends[number])
        for name in ("numbers", "characters", "repeats", "shapes", "edges", "classes", "capitals", "word_counts"):
            assert getattr(together, name)[own].tolist() == getattr(alone, name).tolist(), name
        for values, ends in (("words", "word_ends"), ("pairs", "pair_ends"), ("grams", "gram_ends")):
            bounds = np.concatenate([[0], getattr(together, ends)])
            first, last = bounds[together.begins[number]], bounds[together.ends[number]]
            assert getattr(together, values)[first:last].tolist() == getattr(alone, values).tolist(), values


def test_of_a_long_line_head_and_tail_are_read():
    long = "a" * HEAD + "b" * 1000 + "c" * TAIL
    lines = read_lines([long])
    assert lines.characters.tolist() == [HEAD + 1000 + TAIL]
    assert lines.classes[0].sum() == HEAD + TAIL + 1
    assert read_lines(["a" * HEAD + "x" * 999 + "c" * TAIL]).grams.tolist() == lines.grams.tolist()


def test_what_lines_gather_from_neighbours_is_the_transpose_of_what_they_scatter():
    rng = np.random.default_rng(0)
    lines = read_lines(["\n".join("abcdefg"), "x", "", "\n".join("pqr")])
    segments = (lines.begins, lines.ends, lines.text_of)
    sums = rng.normal(size=(len(lines), 7)).astype(np.float32)
    values = rng.normal(size=len(lines)).astype(np.float32)
    there = float((gathered(sums, *segments) + sums[:, 0]) @ values)
    back = float((sums * scattered(values, *segments)).sum())
    assert there == pytest.approx(back, rel=1e-4)
    # A text of one line gets nothing.
    assert gathered(sums, *segments)[7] == 0


def test_the_features_of_trees_stay_inside_a_text():
    lines = read_lines(TEXTS)
    scores = np.linspace(-2, 2, len(lines)).astype(np.float32)
    functions = function_words(lines, mixed(lines.words, WORD_BITS))
    assert functions.tolist()[1] == 5  # the, on, the, and, the
    together = tree_features(lines, scores, scores, functions)
    for number, text in enumerate(TEXTS):
        own = slice(lines.begins[number], lines.ends[number])
        alone = read_lines([text])
        if len(alone):
            found = tree_features(alone, scores[own], scores[own], functions[own])
            np.testing.assert_allclose(together[own], found, rtol=1e-4, atol=1e-5)
