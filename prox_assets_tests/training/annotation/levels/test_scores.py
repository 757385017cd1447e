"""Reading scores, and the decision."""

import pytest

from prox_assets.training.annotation.errors import UnusableAnswerError
from prox_assets.training.annotation.levels.scores import EDUCATIONAL, FORMAT, AdditiveScore, decide, read_score


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("It teaches.\nEducational score: 4", 4),
        ("It teaches.\n\n**Educational score: 4**\n", 4),
        ("It teaches.\n**Educational score:** 4/5", 4),
        ("Educational score: 0\nIt teaches.", 0),
        ("It teaches.\neducational score: 5.", 5),
        ("Educational score: 2\nIt teaches.\nEducational score: 2", 2),
    ],
)
def test_a_score_is_read_with_its_justification(text: str, points: int) -> None:
    assert read_score(text, EDUCATIONAL) == AdditiveScore(points, "It teaches.")


def test_the_word_justification_is_no_part_of_it() -> None:
    assert (
        read_score("**Justification:** Clean: all of it.\nFormat score: 5", FORMAT).justification == "Clean: all of it."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("It teaches.", "no such line"),
        ("It teaches.\nFormat score: 4", "no such line"),
        ("I would say the Educational score: 4 is right for it", "no such line"),
        ("It teaches.\nEducational score: 6", "not a whole number from 0 to 5"),
        ("It teaches.\nEducational score: 10", "not a whole number"),
        ("It teaches.\nEducational score: -1", "not a whole number"),
        ("It teaches.\nEducational score: 3.5", "not a whole number"),
        ("It teaches.\nEducational score: ٣", "not a whole number"),
        ("It teaches.\nEducational score: four", "not a whole number"),
        ("It teaches.\nEducational score: 3\nEducational score: 4", "differ: 3, 4"),
        ("Educational score: 3", "without a justification"),
        ("Justification:\nEducational score: 3", "without a justification"),
    ],
)
def test_what_is_no_score_is_never_guessed(text: str, message: str) -> None:
    with pytest.raises(UnusableAnswerError, match=message):
        read_score(text, EDUCATIONAL)


def test_the_decision_is_the_papers_equation() -> None:
    kept = {(edu, text_format) for edu in range(6) for text_format in range(6) if decide(edu, text_format) == "keep"}
    assert kept == {(edu, text_format) for edu in (3, 4, 5) for text_format in range(6)} | {(2, 4), (2, 5)}
