"""Rejects answers that cannot be used, whatever the question was: refusals, empty answers, truncated answers.

What an answer says is read in scores.py and noise.py.
"""

import re

from prox_assets.training.annotation.chat import ChatAnswer
from prox_assets.training.annotation.errors import UnusableAnswerError

_EXCERPT_CHARACTERS = 80

# How chat models begin a refusal. The verbs matter: "I cannot find an explanation here" is a justification.
_DECLINES = r"(?:help|assist|comply|fulfil+|provide|engage|answer|process|do (?:that|this)|continue)"
_REFUSAL = re.compile(
    rf"\W*(?:(?:i['’]?m|i am) (?:very |so )?sorry\b|sorry,|i apologi[sz]e\b|as an ai\b"
    rf"|(?:unfortunately,? )?i (?:can ?not|can['’]t|won['’]t|will not|must decline to) {_DECLINES}\b"
    rf"|(?:unfortunately,? )?(?:i['’]?m|i am) (?:unable|not able) to {_DECLINES}\b)",
    re.IGNORECASE,
)


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, for use in messages."""
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT_CHARACTERS else f"{line[:_EXCERPT_CHARACTERS]}..."


def usable_text(answer: ChatAnswer) -> str:
    """Return the text of an answer.

    Raises:
        UnusableAnswerError: The model declined, said nothing, or did not finish, for example at the token limit.
    """
    if answer.refusal is not None or answer.finish_reason == "content_filter":
        raise UnusableAnswerError(f"refused: {excerpt(answer.refusal or answer.finish_reason)}")
    if not answer.text.strip():
        raise UnusableAnswerError(f"empty answer (finish_reason {answer.finish_reason})")
    if _REFUSAL.match(answer.text):
        raise UnusableAnswerError(f"refused: {excerpt(answer.text)}")
    if answer.finish_reason != "stop":
        raise UnusableAnswerError(f"not finished (finish_reason {answer.finish_reason}): {excerpt(answer.text)}")
    return answer.text
