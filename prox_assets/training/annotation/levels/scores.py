"""The two additive scores of the document level (ProX paper, section 2.3 and appendix A), and the decision."""

import re
from dataclasses import dataclass
from typing import Literal

from prox_assets.training.annotation.answers import excerpt
from prox_assets.training.annotation.errors import UnusableAnswerError

HIGHEST_SCORE = 5

Decision = Literal["keep", "drop"]

_JUSTIFICATION_LABEL = re.compile(r"\A\W*justification\W*:\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ScoreKind:
    """A score: the name of the prompt that asks for it, and the label in front of it, such as "Educational score"."""

    prompt: str
    label: str

    @property
    def line(self) -> re.Pattern[str]:
        """Pattern of a line with the score; it allows Markdown around the line and "/5" after the number."""
        return re.compile(
            rf"^[*_#> \t]*{re.escape(self.label)}[*_ \t]*:[*_ \t]*(\S+?)[ \t]*(?:/[ \t]*5)?[*_ \t.]*$",
            re.IGNORECASE | re.MULTILINE,
        )


EDUCATIONAL = ScoreKind("document_education", "Educational score")
FORMAT = ScoreKind("document_format", "Format score")


@dataclass(frozen=True, slots=True)
class AdditiveScore:
    """A whole number from 0 to HIGHEST_SCORE, with its justification."""

    points: int
    justification: str


def read_score(text: str, kind: ScoreKind) -> AdditiveScore:
    """Return the score in an answer.

    Raises:
        UnusableAnswerError: No line gives the score, or several lines differ; the score is not a whole number from 0 to
            HIGHEST_SCORE; or the justification is missing.
    """
    values = set(kind.line.findall(text))
    if len(values) != 1:
        found = f"several lines differ: {', '.join(sorted(values))}" if values else f"no such line in: {excerpt(text)}"
        raise UnusableAnswerError(f"no single line '{kind.label}: <points>' ({found})")
    value = values.pop()
    if not re.fullmatch(r"[0-9]", value) or int(value) > HIGHEST_SCORE:
        raise UnusableAnswerError(f"{kind.label} {excerpt(value)!r} is not a whole number from 0 to {HIGHEST_SCORE}")
    justification = _JUSTIFICATION_LABEL.sub("", kind.line.sub("", text)).strip()
    if not justification:
        raise UnusableAnswerError(f"{kind.label} {value} without a justification")
    return AdditiveScore(int(value), justification)


def decide(educational: int, text_format: int) -> Decision:
    """Return the decision that follows from two scores from 0 to 5 (ProX paper, equation 2).

    The paper does not say what happens to an educational score of 2 with a format score below 4. Such documents are
    dropped, like others with an educational score below 3.
    """
    return "keep" if educational >= 3 or (educational == 2 and text_format >= 4) else "drop"
