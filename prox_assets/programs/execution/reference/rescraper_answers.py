"""How the released ReScraper code reads an answer: the decision first, and what it cannot read as the page's text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_REMOVAL = re.compile(r"rm (\d+)(?:-(\d+))?")
_SUBSTRING = re.compile(r"sub (\d+): (.*)")
_KEEP, _EDIT, _DELETE, _REWRITE = DECISIONS = ("<keep>", "<edit>", "<delete>", "<rewrite>")
EXTRACTED, REFINED, DELETED, REWRITTEN = "<extract>", "<refine>", "<delete>", "<rewrite>"
"""What the released code calls a page for each of these decisions."""


@dataclass(frozen=True, slots=True)
class Call:
    """One line of an answer that is a call.

    Attributes:
        line: The line, stripped.
        start: The first line that it removes or the line that it edits, as written.
        end: The last line that it removes, as written; None for an edit.
        written: What an edit removes, as written; None for a removal.
    """

    line: str
    start: str
    end: str | None = None
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer asks for.

    Attributes:
        tag: What the released code calls the page; where there is no decision, the line in its place.
        lines: The calls, and the lines that have no effect, in order; without tags and blank lines.
        text: What it takes for the text of the page instead of executing the calls, else None.
    """

    tag: str
    lines: tuple[Call | str, ...] = ()
    text: str | None = None


def read_answer(answer: str, edit_share: float) -> Answer:
    """Return what an answer asks for.

    Args:
        answer: The answer.
        edit_share: The share of the lines after `<edit>` that must be calls for them to be executed.
    """
    first, *rest = answer.strip().split("\n")
    decision = first.strip()
    if decision not in DECISIONS:
        calls, decision, payload = _staged([first, *rest])
    else:
        calls, tag, payload = _staged("\n".join(rest).strip().split("\n"))
        if tag and tag not in DECISIONS:  # the second tag is missing, and this is the first line of what follows it
            payload = [tag, *payload]
    text = "\n".join(payload).strip()
    if decision in (_KEEP, _DELETE):
        return Answer(EXTRACTED if decision == _KEEP else DELETED, (*calls, *_stripped(payload)))
    if decision == _REWRITE:
        return Answer(REWRITTEN, calls, text)
    if decision != _EDIT:
        return Answer(decision, calls, text)
    edits = [read_call(line) or line for line in _stripped(payload)]
    understood = sum(isinstance(edit, Call) for edit in edits)
    if understood and understood >= edit_share * len(edits):
        return Answer(REFINED, (*calls, *edits))
    return Answer(REFINED, calls, text)


def read_call(line: str) -> Call | None:
    """Return the call on a stripped line; None if there is none."""
    if removal := _REMOVAL.fullmatch(line):
        return Call(line, removal.group(1), removal.group(2) or removal.group(1))
    if substring := _SUBSTRING.fullmatch(line):
        return Call(line, substring.group(1), None, substring.group(2))
    return None


def _staged(lines: Sequence[str]) -> tuple[tuple[Call, ...], str, Sequence[str]]:
    """Return the calls after `<extract>`, the tag after them, and the lines after that."""
    if lines[0].strip() != "<extract>":
        return (), lines[0].strip(), lines[1:]
    calls: list[Call] = []
    for place, written in enumerate(lines[1:], 1):
        line = written.strip()
        call = read_call(line)
        if call:
            calls.append(call)
        elif line:
            return tuple(calls), line, lines[place + 1 :]
    return tuple(calls), _KEEP, ()


def _stripped(lines: Iterable[str]) -> list[str]:
    return [line for line in map(str.strip, lines) if line]
