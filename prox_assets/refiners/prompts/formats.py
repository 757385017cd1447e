"""Prompt formats: how a document or a chunk is put before a model.

Belongs here: the text around a document, and line labels. Not here: tokens, windows, or choosing between formats.
The formats are those of the released ProX code (github.com/GAIR-NLP/ProX, data_gen/tasks).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PromptFormat = Literal["llama2-chat", "plain"]
Level = Literal["doc", "chunk"]

# Raise it when any rendered prompt changes: stored programs were written for the old one. It was not raised when the
# carriage returns at the ends of lines went: the programs written before mean the same lines and strings, and a large
# model need not read a corpus again for the few pages that have them.
PROMPTS_VERSION = 1
# Raise it when the line-labels dialect shows a line otherwise. 2: without the carriage return that ends it.
LINES_VERSION = 2
# Raise it when the prox dialect's chunks may end at other lines. 2: exact counts where line breaks are tokens.
PACKING_VERSION = 2

# The system message that the ProX refiners were tuned and run with.
SYSTEM_MESSAGE = "You are a helpful, respectful and honest assistant."
# Line labels have at least three digits; line 1,000 simply gets four, as in the released code.
LABEL_DIGITS = 3


@dataclass(frozen=True, slots=True)
class PromptFrame:
    """The fixed text before and after what the model is shown; the beginning-of-sequence token is no part of it."""

    prefix: str
    suffix: str

    def render(self, body: str) -> str:
        """Return the whole prompt as text."""
        return f"{self.prefix}{body}{self.suffix}"


def prompt_frame(prompt_format: PromptFormat, level: Level) -> PromptFrame:
    """Return the frame of one format at one level.

    `llama2-chat` is Llama 2's template for a system and a user message; the released document refiner shows the bare
    text in it, the chunk refiner the chunk between [doc] and [/doc]. `plain` is [doc] and [/doc] alone.
    """
    if prompt_format == "plain":
        return PromptFrame("[doc]\n", "\n[/doc]")
    opening = f"[INST] <<SYS>>\n{SYSTEM_MESSAGE}\n<</SYS>>\n\n"
    if level == "doc":
        return PromptFrame(opening, " [/INST]")
    return PromptFrame(f"{opening}[doc]\n", "\n[/doc] [/INST]")


def shown_line(line: str) -> str:
    """Return a line as a model is shown it: without the carriage return that ends it on a page with CRLF line ends.

    No model was trained with them, and they say nothing. What is left is the head of the line, so that places in it and
    strings of it are those of the stored line.
    """
    return line.rstrip("\r")


def shown_text(text: str) -> str:
    """Return a text of which every line is as a model is shown it; line numbers stay."""
    return "\n".join(map(shown_line, text.split("\n"))) if "\r" in text else text


def label_lines(lines: Sequence[str], first_number: int) -> str:
    """Return the lines as they are shown, joined, each after its label: "[007]" and no space.

    This is how the released chunk refiner sees them, which was shown carriage returns as well.

    Args:
        lines: The lines of a chunk.
        first_number: The 0-based number of the first of them.
    """
    labelled = (f"[{number:0{LABEL_DIGITS}d}]{line}" for number, line in enumerate(lines, first_number))
    return shown_text("\n".join(labelled))
