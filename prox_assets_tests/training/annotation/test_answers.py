"""Which answers are usable, whatever the question."""

import pytest

from prox_assets.training.annotation.answers import usable_text
from prox_assets.training.annotation.chat import ChatAnswer
from prox_assets.training.annotation.errors import UnusableAnswerError


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, this page is too violent.",
        "Sorry, no.",
        "I cannot assist with this request.",
        "I can’t comply.",
        "I will not engage with this page.",
        "Unfortunately, I am unable to process this text.",
        "As an AI, I have no opinion.",
    ],
)
def test_the_usual_words_of_refusal_are_known(text: str) -> None:
    with pytest.raises(UnusableAnswerError, match=r"^refused: "):
        usable_text(ChatAnswer(text, "stop", None, 1, 1))


@pytest.mark.parametrize(
    "text",
    [
        "I cannot find an explanation in the page.\nEducational score: 1",
        "I am unable to see any structure here.\nFormat score: 1",
        "The author writes: I'm sorry, I can't help you.\nEducational score: 0",
        "A sorry page.\nEducational score: 0",
    ],
)
def test_a_justification_that_sounds_like_a_refusal_is_none(text: str) -> None:
    assert usable_text(ChatAnswer(text, "stop", None, 1, 1)) == text
