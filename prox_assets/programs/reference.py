"""The released ProX executors, reproduced: same result on every input, defects included.

Belongs here: what `utils/chunk_utils.py` and `utils/doc_utils.py` of github.com/GAIR-NLP/ProX do to a text, and a trace
of it. Use it to reproduce published corpora; the strict mode is for new ones. Where the released code has no result (it
divides by zero on blank texts, and fills memory on huge line ranges or growing texts), ReferenceExecutionError is
raised, at once and in bounded memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prox_assets.programs.line_removal import LineRemoval

LINE_NUMBER_LIMIT = 10**10
"""The released code puts every line number of a range into a set. Beyond this many (over half a terabyte) it is taken
to fail; below, the same result is computed without the set."""

TEXT_LIMIT = 2**27
"""Characters beyond which a text that grows by replacements (exponentially, if a program says so) is taken to exhaust
memory."""

_FLOOR_WORDS = 10
_BLOCK = 1 << 20

StepKind = Literal["remove_lines", "remove_all", "normalize", "malformed", "ignored"]


class ReferenceExecutionError(Exception):
    """The released executor crashes or never ends on this input, so there is no result to reproduce."""


@dataclass(slots=True)
class Step:
    """What the released executor makes of one line of a program.

    Attributes:
        kind: What the line was taken for; "malformed" counts as an error and does nothing, "ignored" does nothing.
        line: The line.
        start: First line number of "remove_lines".
        end: Last line number of "remove_lines".
        source: What "normalize" replaced.
        target: What it put in.
        matches: How often it did.
        characters_removed: By this step; a removed line counts its line break.
        characters_added: By this step.
        removed_lines: The lines that this step removed, of the whole text, in order.
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
    """A program carried out, before any threshold is looked at.

    Attributes:
        text: The text after all steps.
        steps: One per line of the program.
        errors: Errors as the released code counts them.
    """

    text: str
    steps: tuple[Step, ...]
    errors: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the thresholds make of a trace.

    Attributes:
        text: The result: the trace's text, "" for a dropped document, or the text as it was.
        decision: Which of the three.
        reason: Why it is not the trace's.
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
    """Return what the released executor makes of a document and the programs of all its chunks, joined by line breaks.

    Args:
        text: The whole document.
        program: The joined programs; line numbers run through the document.
        threshold_1: Share of words below which the edits are taken back.
        threshold_2: Share of removed words from which on the document is dropped.
        error_op: So many errors in the whole document take the edits back.

    Raises:
        ReferenceExecutionError: The released code crashes or does not end.
    """
    return judge(text, trace(text, program), threshold_1, threshold_2, error_op).text


def judge(text: str, done: Trace, threshold_1: float, threshold_2: float, error_op: int) -> Judgement:
    """Apply the thresholds in the released order (the word floor comes before the error limit and so overrides it).

    Raises:
        ReferenceExecutionError: The text has no words; the released code divides by their number.
    """
    words_before = _count_words(text)
    if not words_before:
        raise ReferenceExecutionError("division by zero: the text is empty or blank")
    words_after = _count_words(done.text)
    share = words_after / words_before
    trusted = done.errors < error_op
    if share <= 1 - threshold_2 and trusted:
        return Judgement("", "dropped", "kept_share_too_small")
    if words_after <= _FLOOR_WORDS:
        return Judgement("", "dropped", "too_few_words")
    if share >= threshold_1 and trusted:
        return Judgement(done.text, "refined")
    return Judgement(text, "reverted", "kept_share_too_small" if trusted else "too_many_errors")


def trace(text: str, program: str) -> Trace:
    """Carry out a program line by line: replacements in order on the changing text, then the removal of lines.

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
        # Replacements neither add nor remove line breaks: the program they come from was split at them.
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
        # A lone space is protected only where a target is given.
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
        # Without a closing bracket the slice ends at -1 and so loses the last character.
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
            elif step.kind == "remove_all":  # the set starts anew
                if _count_numbers(pending) > LINE_NUMBER_LIMIT:
                    raise ReferenceExecutionError(f"line ranges name more than {LINE_NUMBER_LIMIT} lines")
                pending = []


def _value(parameter: str) -> str:
    """Return what stands between the first and the second "=".

    Raises:
        IndexError: There is no "=".
    """
    return parameter.split("=")[1]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch or overlap, in order of their start (and, where equal, of the program)."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges, key=lambda span: span[0]):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _ranges_past_the_end(ranges: Iterable[tuple[int, int]], line_count: int) -> int:
    """Count joined ranges that start or end past the last line: ranges joined before count as one error."""
    return sum(start >= line_count or end >= line_count for start, end in _merged(ranges))


def _count_numbers(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(end - start + 1 for start, end in _merged(ranges))


def _count_words(text: str) -> int:
    """Return len(text.split()) without holding all words of a huge text at once."""
    words = 0
    joins = False
    for offset in range(0, len(text), _BLOCK):
        block = text[offset : offset + _BLOCK]
        words += len(block.split()) - (joins and not block[0].isspace())
        joins = not block[-1].isspace()
    return words
