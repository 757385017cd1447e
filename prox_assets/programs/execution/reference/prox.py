"""The released ProX executors, reproduced: same result on every input, defects included.

This module does what `utils/chunk_utils.py` and `utils/doc_utils.py` of github.com/GAIR-NLP/ProX do to a text, and
traces it. Use it to reproduce published corpora, and strict mode for new ones. Where the released code has no result
(it divides by zero on blank texts, and fills memory on huge line ranges or growing texts), it raises
ReferenceExecutionError at once and in bounded memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prox_assets.programs.execution.line_removal import LineRemoval
from prox_assets.programs.execution.reference.no_result import (
    LINE_NUMBER_LIMIT,
    ReferenceExecutionError,
    count_numbers,
    merged_ranges,
)

TEXT_LIMIT = 2**27
"""Replacements can make a text grow, even exponentially. Beyond this many characters we assume that the released code
runs out of memory."""

_FLOOR_WORDS = 10
_BLOCK = 1 << 20

StepKind = Literal["remove_lines", "remove_all", "normalize", "malformed", "ignored"]


@dataclass(slots=True)
class Step:
    """How the released executor handles one line of a program.

    Attributes:
        kind: How the line was read; "malformed" counts as an error and does nothing, "ignored" does nothing.
        line: The line.
        start: First line number of "remove_lines".
        end: Last line number of "remove_lines".
        source: The string that "normalize" replaced.
        target: The string that it inserted.
        matches: Number of replacements.
        characters_removed: Characters that this step removed; a removed line counts its line break.
        characters_added: Characters that this step added.
        removed_lines: The lines that this step removed, numbered in the whole text, in order.
    """

    kind: StepKind
    line: str
    start: int = 0
    end: int = 0
    source: str = ""
    target: str = ""
    matches: int = 0
    characters_removed: int = 0
    characters_added: int = 0
    removed_lines: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """The result of running a program, before any threshold is applied.

    Attributes:
        text: The text after all steps.
        steps: One per line of the program.
        errors: Errors as the released code counts them.
    """

    text: str
    steps: tuple[Step, ...]
    errors: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """The result after the thresholds are applied to a trace.

    Attributes:
        text: The trace's text, "" for a dropped document, or the original text.
        decision: Which of the three it is.
        reason: Why it is not the trace's text; None where it is.
    """

    text: str
    decision: Literal["refined", "dropped", "reverted"]
    reason: Literal["kept_share_too_small", "too_few_words", "too_many_errors"] | None = None


def execute_doc_program(text: str, program: str) -> str:
    """Return "" when "drop" occurs anywhere in the program, else the text."""
    return "" if "drop" in program else text


def execute_chunk_program(
    text: str, program: str, threshold_1: float = 0.0, threshold_2: float = 0.95, error_op: int = 2
) -> str:
    """Return the released executor's result for a document and the programs of all its chunks, joined by line breaks.

    Args:
        text: The whole document.
        program: The joined programs; line numbers run through the document.
        threshold_1: The edits are reverted if a smaller share of words is kept.
        threshold_2: The document is dropped if at least this share of words is removed.
        error_op: The edits are reverted if the whole document has at least this many errors.

    Raises:
        ReferenceExecutionError: The released code crashes or never finishes.
    """
    return judge(text, trace(text, program), threshold_1, threshold_2, error_op).text


def judge(text: str, done: Trace, threshold_1: float, threshold_2: float, error_op: int) -> Ruling:
    """Apply the thresholds in the released order (the word floor comes before the error limit and so overrides it).

    Raises:
        ReferenceExecutionError: The text has no words, and the released code divides by the number of words.
    """
    words_before = _count_words(text)
    if not words_before:
        raise ReferenceExecutionError("division by zero: the text is empty or blank")
    words_after = _count_words(done.text)
    share = words_after / words_before
    trusted = done.errors < error_op
    if share <= 1 - threshold_2 and trusted:
        return Ruling("", "dropped", "kept_share_too_small")
    if words_after <= _FLOOR_WORDS:
        return Ruling("", "dropped", "too_few_words")
    if share >= threshold_1 and trusted:
        return Ruling(done.text, "refined")
    return Ruling(text, "reverted", "kept_share_too_small" if trusted else "too_many_errors")


def trace(text: str, program: str) -> Trace:
    """Run a program line by line: first the replacements, in order on the changing text, then the line removals.

    Raises:
        ReferenceExecutionError: More line numbers than LINE_NUMBER_LIMIT, or more text than TEXT_LIMIT.
    """
    run = _Run(text)
    for line in program.strip(" ").split("\n"):
        run.steps.append(run.take(line))
    return run.finish()


class _Run:
    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[Step] = []
        self.errors = 0
        # Replacements never add or remove line breaks, because the program was split at line breaks.
        self._line_count = text.count("\n") + 1
        self._absent: set[str] = set()

    def take(self, line: str) -> Step:
        if line.startswith("remove_lines"):
            return Step("remove_all", line) if "all=True" in line else self._remove_lines(line)
        if line.startswith("normalize"):
            return self._normalize(line)
        return Step("ignored", line)

    def finish(self) -> Trace:
        ranges = [(step.start, step.end) for step in self.steps if step.kind == "remove_lines"]
        self._check_memory()
        self.errors += _ranges_past_the_end(ranges, self._line_count)
        lines = self.text.split("\n")
        removal = LineRemoval(len(lines))
        for step in self.steps:
            if step.kind == "remove_lines":
                step.removed_lines = removal.remove(step.start, step.end)
            elif step.kind == "remove_all":
                step.removed_lines = removal.remove(0, len(lines) - 1)
            else:
                continue
            step.characters_removed = sum(len(lines[number]) + 1 for number in step.removed_lines)
        text = "\n".join(lines[number] for number in removal.kept())
        return Trace(text, tuple(self.steps), self.errors)

    def _remove_lines(self, line: str) -> Step:
        parameters = self._parameters(line)
        try:
            start, end = (int(_value(parameters[place])) for place in (0, 1))
        except (IndexError, ValueError):
            return self._malformed(line)
        return Step("remove_lines", line, start=start, end=end)

    def _normalize(self, line: str) -> Step:
        parameters = self._parameters(line)
        if len(parameters) > 2:
            return Step("ignored", line)
        try:
            source, *targets = (_value(parameter).strip('"') for parameter in parameters)
        except (IndexError, ValueError):
            return self._malformed(line)
        target = targets[0] if targets else ""
        # A single space is protected only if a target is given.
        matches = 0 if not source or (targets and source == " ") else self._replace(source, target)
        return Step(
            "normalize",
            line,
            source=source,
            target=target,
            matches=matches,
            characters_removed=matches * len(source),
            characters_added=matches * len(target),
        )

    def _parameters(self, line: str) -> list[str]:
        opening = line.find("(")
        if opening < 0:
            return []
        closing = line.find(")")
        # Without a closing parenthesis the slice ends at -1 and so loses the last character.
        self.errors += closing < 0
        return line[opening + 1 : closing].split(",")

    def _malformed(self, line: str) -> Step:
        self.errors += 1
        return Step("malformed", line)

    def _replace(self, source: str, target: str) -> int:
        if source in self._absent:  # a model in a loop repeats itself
            return 0
        matches = self.text.count(source)
        if not matches:
            self._absent.add(source)
            return 0
        if len(self.text) + matches * (len(target) - len(source)) > max(TEXT_LIMIT, len(self.text)):
            raise ReferenceExecutionError(f"replacements make the text longer than {TEXT_LIMIT} characters")
        self.text = self.text.replace(source, target)
        self._absent.clear()
        return matches

    def _check_memory(self) -> None:
        pending: list[tuple[int, int]] = []
        for step in (*self.steps, Step("remove_all", "")):
            if step.kind == "remove_lines" and step.start <= step.end:
                pending.append((step.start, step.end))
            elif step.kind == "remove_all":  # the released code starts a new set
                if count_numbers(pending) > LINE_NUMBER_LIMIT:
                    raise ReferenceExecutionError(f"line ranges name more than {LINE_NUMBER_LIMIT} lines")
                pending = []


def _value(parameter: str) -> str:
    """Return the text between the first and the second "=".

    Raises:
        IndexError: There is no "=".
    """
    return parameter.split("=")[1]


def _ranges_past_the_end(ranges: Iterable[tuple[int, int]], line_count: int) -> int:
    """Count merged ranges that start or end past the last line; ranges that were merged count as one error."""
    return sum(start >= line_count or end >= line_count for start, end in merged_ranges(ranges))


def _count_words(text: str) -> int:
    """Return len(text.split()) without holding all words of a huge text in memory at once."""
    words = 0
    joins = False
    for offset in range(0, len(text), _BLOCK):
        block = text[offset : offset + _BLOCK]
        words += len(block.split()) - (joins and not block[0].isspace())
        joins = not block[-1].isspace()
    return words
