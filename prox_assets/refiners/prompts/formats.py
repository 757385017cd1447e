"""Prompt formats: the text around a document or chunk, and line labels.

The formats are those of the released ProX code (github.com/GAIR-NLP/ProX, data_gen/tasks).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PromptFormat = Literal["llama2-chat", "plain"]
Level = Literal["doc", "chunk"]

# Raise this when any rendered prompt changes, because stored programs were written for the old prompts. Dropping the
# carriage returns at line ends did not raise it: older programs still name the same lines and strings, and rereading a
# corpus with a large model is not worth it for the few pages that have carriage returns.
PROMPTS_VERSION = 1
# Raise this when the line-labels dialect shows lines differently. 2: without the carriage return at the end of a line.
# 3: each line ends with a token that tells its surroundings, and blank lines are not shown.
LINES_VERSION = 3
# Raise this when chunks of the prox dialect may end at other lines. 2: exact counts where line breaks are tokens.
PACKING_VERSION = 2

# The system message that the ProX refiners were tuned and run with.
SYSTEM_MESSAGE = "You are a helpful, respectful and honest assistant."
# Line labels have at least three digits; line 1,000 gets four, as in the released code.
LABEL_DIGITS = 3


@dataclass(frozen=True, slots=True)
class PromptFrame:
    """The fixed text before and after what the model is shown, without the beginning-of-sequence token."""

    prefix: str
    suffix: str

    def render(self, body: str) -> str:
        """Return the whole prompt as text."""
        return f"{self.prefix}{body}{self.suffix}"


def prompt_frame(prompt_format: PromptFormat, level: Level) -> PromptFrame:
    """Return the frame of one format at one level.

    `llama2-chat` is Llama 2's template for a system and a user message. In it the released document refiner shows the
    bare text, and the chunk refiner shows the chunk between [doc] and [/doc]. `plain` is [doc] and [/doc] alone.
    """
    if prompt_format == "plain":
        return PromptFrame("[doc]\n", "\n[/doc]")
    opening = f"[INST] <<SYS>>\n{SYSTEM_MESSAGE}\n<</SYS>>\n\n"
    if level == "doc":
        return PromptFrame(opening, " [/INST]")
    return PromptFrame(f"{opening}[doc]\n", "\n[/doc] [/INST]")


def shown_line(line: str) -> str:
    """Return a line as a model is shown it: without the carriage return that ends it on a page with CRLF line ends.

    Carriage returns carry no meaning, and no model was trained with them. The result is a prefix of the stored line, so
    positions and strings in it are also valid in the stored line.
    """
    return line.rstrip("\r")


def shown_text(text: str) -> str:
    """Return a text with every line as a model is shown it; line numbers stay the same."""
    return "\n".join(map(shown_line, text.split("\n"))) if "\r" in text else text


def label_lines(lines: Sequence[str], first_number: int) -> str:
    """Return the lines as a model is shown them, joined, each directly after its label: "[007]" and no space.

    The released chunk refiner sees lines this way, except that it was shown carriage returns as well.

    Args:
        lines: The lines of a chunk.
        first_number: The 0-based number of the first line.
    """
    labelled = (f"[{number:0{LABEL_DIGITS}d}]{line}" for number, line in enumerate(lines, first_number))
    return shown_text("\n".join(labelled))
