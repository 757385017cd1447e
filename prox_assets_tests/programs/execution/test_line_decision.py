"""The rule that keeps the lines with the highest expected word F1, against all subsets and over whole documents."""

import math
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prox_assets.programs import (
    ExecutionPolicy,
    execute,
    expected_f1_cutoff,
    line_cutoff,
    pack_lines,
    stored_programs,
)

EXPECTED_F1 = ExecutionPolicy(dialect="line-labels", line_decision="expected_f1", min_kept_share=0)
probabilities = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.floats(0, 1, width=32))
scored_lines = st.lists(st.tuples(probabilities, st.integers(0, 40)), min_size=1, max_size=8)
betas = st.sampled_from([0.25, 1.0, 2.0])


def value(kept, lines, beta: float) -> Fraction:
    """Compute the formula of the module's docstring exactly."""
    squared = Fraction(beta) ** 2
    found = sum(Fraction(probability) * words for probability, words in kept)
    wanted = sum(Fraction(probability) * words for probability, words in lines)
    total = sum(words for _, words in kept) + squared * wanted
    return (1 + squared) * found / total if total else Fraction(0)


@given(scored_lines, betas)
@example([(0.3, 7)] * 3, 1.0)
@example([(0.5, 1), (0.25, 1)], 1.0)
@example([(0.9, 0), (0.2, 10)], 2.0)
def test_no_other_set_of_lines_has_a_higher_expected_f1(lines, beta):
    cutoff = expected_f1_cutoff(lines, beta)
    kept = [line for line in lines if line[0] >= cutoff]
    best = max(value(chosen, lines, beta) for size in range(len(lines) + 1) for chosen in combinations(lines, size))

    assert float(value(kept, lines, beta)) == pytest.approx(float(best), rel=1e-12, abs=1e-300)
    assert 0 <= cutoff <= 1
    assert any(words for _, words in kept) == any(words for _, words in lines), "the rule empties a document"


@given(scored_lines, betas, st.sampled_from([0.05, 0.14, 0.5, 1.0]))
@example([(0.9, 10), (0.1, 10)], 1.0, 0.5)
def test_nothing_is_removed_that_does_not_take_away_enough_of_the_expected_error(lines, beta, min_gain):
    every, best = (
        value([line for line in lines if line[0] >= cutoff], lines, beta)
        for cutoff in (0.0, expected_f1_cutoff(lines, beta))
    )
    cutoff = expected_f1_cutoff(lines, beta, min_gain)
    gained, needed = float(best - every), min_gain * float(1 - every)

    if gained > needed + 1e-9:
        assert cutoff == expected_f1_cutoff(lines, beta)
    elif gained < needed - 1e-9:
        assert cutoff == 0


def test_a_doubtful_line_goes_from_a_poor_page_and_stays_on_a_good_one():
    line = (0.3, 10)
    poor, good = [(0.95, 40), (0.02, 200), line], [(0.95, 400), line]

    assert expected_f1_cutoff(good) > 0.3
    assert expected_f1_cutoff(good, min_gain=0.14) == 0
    assert expected_f1_cutoff(poor, min_gain=0.14) == expected_f1_cutoff(poor) > 0.3


@given(scored_lines, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(lines, random):
    shuffled = random.sample(lines, len(lines))

    assert expected_f1_cutoff(shuffled) == expected_f1_cutoff(lines)


@pytest.mark.parametrize("beta", [1e-200, 1e200])
def test_no_beta_is_too_extreme(beta):
    lines = [(0.9, 10), (0.5, 10), (0.1, 10)]

    assert [probability for probability, _ in lines if probability >= expected_f1_cutoff(lines, beta)] == (
        [0.9] if beta < 1 else [0.9, 0.5, 0.1]
    )


def test_beta_trades_precision_against_recall():
    lines = [(step / 20, 10) for step in range(21)]
    kept = [sum(probability >= expected_f1_cutoff(lines, beta) for probability, _ in lines) for beta in (0.5, 1, 2)]

    assert kept == sorted(set(kept))


@pytest.mark.parametrize(
    ("lines", "cutoff"),
    [
        ([], 0.0),
        ([(0.0, 5), (0.0, 7)], 0.0),
        ([(0.3, 0)], 0.0),
        ([(math.nan, 9)], 0.0),
        # Half of the page is surely main content: an F1 of 1 can be reached, so the cutoff is a half.
        ([(1.0, 50), (0.0, 50)], 0.5),
        # Nothing is sure: everything is kept, with an F1 of 2 * .25 / (1 + .25).
        ([(0.25, 50), (0.25, 50)], 0.2),
        ([(0.25, 1)], 0.2),
        # What is no probability counts for nothing.
        ([(1.0, 50), (0.0, 50), (math.nan, 500), (2.0, 500), (-1.0, 500)], 0.5),
    ],
)
def test_the_cutoff_of_special_documents(lines, cutoff):
    assert expected_f1_cutoff(lines) == pytest.approx(cutoff)


def stored(text: str, scores, lines_per_chunk: int, unscored=()) -> list[dict]:
    """Return the rows of a document whose lines have these probabilities; unscored chunks have a program instead."""
    chunks = pack_lines([1] * (text.count("\n") + 1), lines_per_chunk)
    rows = []
    for chunk in chunks:
        row = {
            "chunk_index": chunk.index,
            "line_start": chunk.line_start,
            "line_end": chunk.line_end,
            "skip_reason": None,
            "program": None,
            "line_keep_probabilities": list(scores[chunk.line_start : chunk.line_end + 1]),
            "finish_reason": "scored",
        }
        if chunk.index in unscored:
            row |= {"line_keep_probabilities": None, "program": "keep_chunk()", "finish_reason": "stop"}
        rows.append(row)
    return rows


@given(
    st.lists(st.tuples(st.integers(1, 12), probabilities), min_size=1, max_size=12),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_the_cut_into_chunks_does_not_matter(lines, one, other):
    text = "\n".join(" ".join(["word"] * words) for words, _ in lines)
    scores = [probability for _, probability in lines]
    texts = {
        execute(text, stored_programs(text, stored(text, scores, size), EXPECTED_F1), EXPECTED_F1).text
        for size in (one, other)
    }

    assert len(texts) == 1
    assert texts.pop().strip()


def test_the_decision_is_over_the_whole_document():
    # By itself the second chunk would keep its lines: nothing in it is better.
    text = "\n".join([*["ten words that are surely part of the main content"] * 4, *["a few words of doubt"] * 2])
    rows = stored(text, [1.0] * 4 + [0.3] * 2, 4)

    assert line_cutoff(text, rows, EXPECTED_F1) > 0.3 > line_cutoff(text, rows[1:], EXPECTED_F1)
    refined = execute(text, stored_programs(text, rows, EXPECTED_F1), EXPECTED_F1)
    assert refined.text == "\n".join(text.split("\n")[:4])


def test_chunks_without_probabilities_are_kept_and_play_no_part():
    text = "\n".join(["a sure line of text", "menu", *["a line that nobody scored, with many words"] * 2])
    rows = stored(text, [0.9, 0.05, math.nan, math.nan], 2, unscored={1})

    assert line_cutoff(text, rows, EXPECTED_F1) == line_cutoff(text, rows[:1], EXPECTED_F1)
    refined = execute(text, stored_programs(text, rows, EXPECTED_F1), EXPECTED_F1)
    assert refined.text == text.replace("menu\n", "")
    assert line_cutoff(text, stored(text, [0.9] * 4, 2, unscored={0, 1}), EXPECTED_F1) == 0


def test_blank_lines_follow_the_cutoff_and_lines_without_a_probability_stay():
    text = "a sure line of text\n\nmenu\n\n???"
    rows = stored(text, [0.9, 0.8, 0.05, 0.1, math.nan], 5)

    refined = execute(text, stored_programs(text, rows, EXPECTED_F1), EXPECTED_F1)
    assert refined.text == "a sure line of text\n\n???"


def test_a_line_counts_by_its_words_in_any_script():
    english, chinese = "ten words that are surely part of the main content", "这是正文的一部分内容很长也很重要"
    both = [stored(f"{first}\nx", [0.9, 0.9 / 2 - 0.01], 2) for first in (english, chinese)]

    cutoffs = [
        line_cutoff(f"{first}\nx", rows, EXPECTED_F1) for first, rows in zip((english, chinese), both, strict=True)
    ]
    assert cutoffs[0] == pytest.approx(cutoffs[1], abs=0.02)


def test_under_the_threshold_rule_the_document_does_not_matter():
    policy = ExecutionPolicy(dialect="line-labels", line_keep_threshold=0.7)

    assert line_cutoff("a\nb", stored("a\nb", [0.9, 0.1], 1), policy) == 0.7


@pytest.mark.timeout(60)
def test_a_million_lines_are_decided():
    lines = ((number * 7919 % 1_000_003 / 1_000_003, number % 30) for number in range(1_000_000))

    # Uniform probabilities: F* solves F = (1 - t^2) / (1 - t + 1/2) with t = F / 2, so t is about .382.
    assert expected_f1_cutoff(lines) == pytest.approx((3 - math.sqrt(5)) / 2, abs=0.001)
