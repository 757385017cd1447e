"""Prompt formats: the text around a document or chunk, and line labels.

The formats here are those of the released ProX code (github.com/GAIR-NLP/ProX, data_gen/tasks); chat.py has that of a
checkpoint's own chat template.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from prox_assets.programs import DIALECTS, Dialect

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
    """What stands before and after what the model is shown, without the beginning-of-sequence token.

    Attributes:
        prefix: Text before it.
        suffix: Text after it.
        ids_before: Tokens before the prefix; in a chat template, up to its last special token.
        ids_after: Tokens after the suffix; in a chat template, from its next special token.
        trims: Whether the template takes the white space around what it is given away.
    """

    prefix: str
    suffix: str
    ids_before: tuple[int, ...] = ()
    ids_after: tuple[int, ...] = ()
    trims: bool = False

    def render(self, body: str) -> str:
        """Return the part of the prompt that is encoded as text."""
        return f"{self.prefix}{body.strip() if self.trims else body}{self.suffix}"

    def enclose(self, token_ids: tuple[int, ...]) -> tuple[int, ...]:
        """Return the tokens of the whole prompt around those of its text."""
        return self.ids_before + token_ids + self.ids_after

    @property
    def fixed_tokens(self) -> int:
        """Number of tokens around the text."""
        return len(self.ids_before) + len(self.ids_after)


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


def label_lines(lines: Sequence[str], first_line: int, dialect: Dialect = DIALECTS["prox"]) -> str:
    """Return the lines as a model is shown them, joined, each directly after its label.

    The label of ProX is "[007]" with no space after it. The released chunk refiner sees lines this way, except that it
    was shown carriage returns as well.

    Args:
        lines: The lines of a chunk.
        first_line: Where numbering begins: the position of the first line in the document, from 0, or 0.
        dialect: How lines are numbered and shown.
    """
    return "\n".join(line for line in labelled_lines(lines, first_line, dialect) if line is not None)


def labelled_lines(lines: Sequence[str], first_line: int, dialect: Dialect) -> list[str | None]:
    """Return each line with its label; None for a blank line in a dialect that shows none. Arguments as above."""
    first, mark = first_line + dialect.first_number, dialect.marker.format
    if dialect.shows_blank_lines:
        return [mark(number=number) + shown_line(line) for number, line in enumerate(lines, first)]
    numbers = count(first)
    words = (line.split() for line in lines)
    return [mark(number=next(numbers)) + " ".join(shown) if shown else None for shown in words]
