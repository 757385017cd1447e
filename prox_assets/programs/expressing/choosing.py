"""The operations by which a dialect says what was done to a document.

Line numbers are canonical, those of the document from 0. What the dialect has no words for is left out and counted.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from prox_assets.programs.dialects.dialect import Dialect
from prox_assets.programs.dialects.rendering import CannotSayError
from prox_assets.programs.execution.judging import SEARCH_LIMIT, SOURCE_LIMIT, is_valid
from prox_assets.programs.expressing.changes import Changes, Inserted, Replaced, Rewritten, ranges
from prox_assets.programs.expressing.strings import ShownLine, equal_removals, naming, occurs_once
from prox_assets.programs.operations import (
    InsertLine,
    KeepChunk,
    Operation,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
)

APART = 16
"""Up to this many spans of a line are said one by one; more become one replacement, whatever stands between them."""

SHORTEST_WITHIN = 2_000_000
"""The shortest context of a span is looked for where the characters of the line, times its spans, are at most so many;
beyond, a context that is long enough will do."""


class Unsaid(StrEnum):
    """Why a dialect leaves out a change."""

    INSIDE_LINE = "inside_line"
    """The dialect removes whole lines only."""
    PUTS_TEXT = "puts_text"
    """It only removes, and the change puts other text in a line."""
    INSERTS_LINE = "inserts_line"
    """It inserts no lines."""
    REWRITES = "rewrites"
    """It neither inserts lines nor has a word for this new text in place of these lines."""
    NOT_UNIQUE = "not_unique"
    """No string of the line stands for the place alone."""
    TOO_LONG = "too_long"
    """The string that would stand for the place is too long to be executed."""
    INVALID = "invalid"
    """The string that would stand for the place, or take it, holds a NUL or a lone surrogate."""
    TOO_MANY = "too_many"
    """It would be more strings than are executed in a line."""
    WHITE_SPACE = "white_space"
    """It does not show blank lines, white space around lines, and more than one space between words."""
    NOT_TRACED = "not_traced"
    """It is not known which lines of the refined text are which of the original (reference mode)."""
    EXECUTED_DIFFERENTLY = "executed_differently"
    """The program was executed, and left another text than the changes that it names would."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a dialect can say.

    Attributes:
        inside_lines: What it does inside a line: nothing; remove a string that the line holds once; remove the first
            occurrence of a string; replace a string that the line holds once.
        inserts: Whether it inserts lines.
        rewrites: Whether it has a word for a new text in place of the whole document.
        removes_all: Whether it has a word for dropping a document. Without one, every line is removed.
    """

    inside_lines: Literal["nothing", "removes", "removes_first", "replaces"]
    inserts: bool = False
    rewrites: bool = False
    removes_all: bool = False


MEANS: Mapping[str, Means] = MappingProxyType(
    {
        "canonical": Means("replaces", inserts=True, rewrites=True, removes_all=True),
        "ultrax": Means("replaces", inserts=True, removes_all=True),
        "rescraper": Means("removes_first", rewrites=True, removes_all=True),
        "refinex": Means("removes"),
        "dataorchestra-np": Means("nothing"),
    }
)
"""The dialects that programs are expressed in; in that of ProX they are published (`publishing/programs`)."""


@dataclass(slots=True)
class Chosen:
    """Operations for a document, and what they leave out.

    Attributes:
        operations: Removals, then replacements, then insertions, each in the order of the lines.
        unsaid: Number of changes that are left out, by why.
    """

    operations: tuple[Operation, ...] = ()
    unsaid: Counter[Unsaid] = field(default_factory=Counter)


def to_drop(lines: Sequence[str], dialect: Dialect) -> tuple[Operation, ...]:
    """Return the operations that drop a document of these lines."""
    return (RemoveAll() if MEANS[dialect.name].removes_all else RemoveLines(0, len(lines) - 1),)


def choose(lines: Sequence[str], changes: Changes, dialect: Dialect) -> Chosen:
    """Return operations of a dialect that make changes, as far as it can say them.

    Args:
        lines: The lines of the document.
        changes: What was done to it.
        dialect: One of MEANS.
    """
    means, chosen = MEANS[dialect.name], Chosen()
    if means.rewrites and (rewrite := _of_the_whole(lines, changes, dialect)) is not None:
        return Chosen((rewrite,))
    if means.inserts:
        changes = _line_by_line(lines, changes)
    chosen.unsaid[Unsaid.REWRITES] += len(changes.rewritten)
    removed = changes.removed if dialect.shows_blank_lines else _of_shown_lines(lines, changes, chosen.unsaid)
    # Removals come first: the released UltraX executes calls one after another, and would remove inserted lines.
    operations: list[Operation] = [RemoveLines(first, last) for first, last in removed]
    for number, spans in changes.replaced.items():
        operations += _inside_line(number, lines[number], spans, means, dialect.shows_blank_lines, chosen.unsaid)
    if means.inserts:
        ranks = Counter[int]()
        for after, text in changes.inserted:
            ranks[after] += 1
            operations.append(InsertLine(after, text, ranks[after]))
    elif changes.inserted:
        chosen.unsaid[Unsaid.INSERTS_LINE] += len(changes.inserted)
    chosen.operations = tuple(operations) or (KeepChunk(),)
    return chosen


def _of_the_whole(lines: Sequence[str], changes: Changes, dialect: Dialect) -> Rewrite | None:
    """Return the call that puts a new text in place of all lines; None if that was not done, or cannot be said."""
    match changes.rewritten:
        case [Rewritten(0, end, text)] if end == len(lines) - 1 and not changes.inserted:
            rewrite = Rewrite(text)
        case _:
            return None
    try:
        dialect.render([rewrite], dialect.shown_lines(lines, 0, dialect.first_number))
    except CannotSayError:
        return None
    return rewrite


def _line_by_line(lines: Sequence[str], changes: Changes) -> Changes:
    """Return changes whose rewrites are lines that go and lines that come; what they begin and end with stays."""
    if not changes.rewritten:
        return changes
    removed = [line for start, end in changes.removed for line in range(start, end + 1)]
    inserted: list[Inserted] = []
    others = deque(changes.inserted)
    for start, end, text in changes.rewritten:
        while others and others[0].after < start:
            inserted.append(others.popleft())
        before, after = lines[start : end + 1], text.split("\n")
        size = min(len(before), len(after))
        head = _same(before, after, size)
        tail = _same(before[::-1], after[::-1], size - head)
        removed += range(start + head, end + 1 - tail)
        inserted += [Inserted(start + head - 1, line) for line in after[head : len(after) - tail]]
    return Changes(ranges(removed), changes.replaced, (*inserted, *others))


def _same(one: Sequence[str], other: Sequence[str], size: int) -> int:
    """Return how many lines, of the first so many, are the same up to the first that is not."""
    return next((index for index in range(size) if one[index] != other[index]), size)


def _of_shown_lines(lines: Sequence[str], changes: Changes, unsaid: Counter[Unsaid]) -> Iterator[tuple[int, int]]:
    """Yield ranges of removed lines that begin and end with lines that are shown; blank ones go with the one before."""
    gone = {line for start, end in changes.removed for line in range(start, end + 1)}
    first: int | None = None
    last = 0
    before_is_gone = False
    for number, line in enumerate(lines):
        if not line.strip():
            unsaid[Unsaid.WHITE_SPACE] += before_is_gone != (number in gone)
            continue
        before_is_gone = number in gone
        if before_is_gone:
            first, last = number if first is None else first, number
        elif first is not None:
            yield first, last
            first = None
    if first is not None:
        yield first, last


def _inside_line(
    number: int, line: str, spans: Sequence[Replaced], means: Means, shows_white_space: bool, unsaid: Counter[Unsaid]
) -> Iterator[ReplaceInLine]:
    if means.inside_lines == "nothing":
        unsaid[Unsaid.INSIDE_LINE] += len(spans)
        return
    if means.inside_lines == "replaces":
        yield from _replacements(number, line, spans, unsaid)
        return
    removed: list[Replaced] = []
    for span in spans:
        if not span.text:
            removed.append(span)
        elif not (shows_white_space or (line[span.start : span.end] + span.text).strip()):
            unsaid[Unsaid.WHITE_SPACE] += 1
        else:
            unsaid[Unsaid.PUTS_TEXT] += 1
    # Each may take a look at the whole line, so no more are tried than could be executed.
    unsaid[Unsaid.TOO_MANY] += max(0, len(removed) - SEARCH_LIMIT)
    del removed[SEARCH_LIMIT:]
    if means.inside_lines == "removes":
        yield from _removals(number, line, removed, unsaid)
    else:
        yield from _first_removals(number, line, removed, unsaid)


def _replacements(
    number: int, line: str, spans: Sequence[Replaced], unsaid: Counter[Unsaid]
) -> Iterator[ReplaceInLine]:
    """Yield replacements of strings that occur once, none of which touches another."""
    if not line:  # no string stands for a place in it
        unsaid[Unsaid.NOT_UNIQUE] += len(spans)
        return
    groups = _groups(spans)
    unsaid[Unsaid.TOO_MANY] += sum(map(len, groups[SEARCH_LIMIT:]))
    del groups[SEARCH_LIMIT:]
    shortest = len(groups) * len(line) <= SHORTEST_WITHIN
    windows: list[tuple[int, int, list[Replaced]]] = []
    for inside in groups:
        start, end = naming(line, inside[0].start, inside[-1].end, shortest)
        while windows and windows[-1][1] >= start:
            earlier_start, earlier_end, earlier = windows.pop()
            start, end, inside = min(start, earlier_start), max(end, earlier_end), [*earlier, *inside]
        windows.append((start, end, inside))
    for start, end, inside in windows:
        if end - start > SOURCE_LIMIT:
            unsaid[Unsaid.TOO_LONG] += len(inside)
        elif not is_valid(target := _replaced(line, start, end, inside)):
            unsaid[Unsaid.INVALID] += len(inside)
        else:
            yield ReplaceInLine(number, line[start:end], target)


def _groups(spans: Sequence[Replaced]) -> list[list[Replaced]]:
    """Return the spans of a line that one replacement makes.

    Spans that leave nothing are said one by one. The executor of UltraX turns the replacements of one line into one,
    and loses text that is put in; so where there is such text, one replacement makes all of it from the start.
    """
    one_by_one = len(spans) <= APART and not any(span.text for span in spans)
    reach = 0 if one_by_one else SOURCE_LIMIT // 2
    groups: list[list[Replaced]] = []
    for span in spans:
        if groups and span.end - groups[-1][0].start <= reach:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _replaced(line: str, start: int, end: int, spans: Sequence[Replaced]) -> str:
    """Return what spans make of a part of a line."""
    pieces: list[str] = []
    for span in spans:
        pieces += (line[start : span.start], span.text)
        start = span.end
    return "".join([*pieces, line[start:end]])


def _removals(number: int, line: str, spans: Sequence[Replaced], unsaid: Counter[Unsaid]) -> Iterator[ReplaceInLine]:
    """Yield removals of strings that occur once."""
    done = 0
    for index, (start, end, _) in enumerate(spans):
        limit = spans[index + 1].start if index + 1 < len(spans) else len(line)
        for place in equal_removals(line, start, end, done, limit) if end - start <= SOURCE_LIMIT else ():
            if occurs_once(line, line[slice(*place)]):
                done = place[1]
                yield ReplaceInLine(number, line[slice(*place)])
                break
        else:
            unsaid[Unsaid.TOO_LONG if end - start > SOURCE_LIMIT else Unsaid.NOT_UNIQUE] += 1


def _first_removals(
    number: int, line: str, spans: Sequence[Replaced], unsaid: Counter[Unsaid]
) -> Iterator[ReplaceInLine]:
    """Yield removals of the first occurrences of strings in the line as it is shown."""
    shown = ShownLine(line)
    places: list[tuple[int, int]] = []
    for span in spans:
        place, whole = shown.span(span.start, span.end)
        unsaid[Unsaid.WHITE_SPACE] += not whole
        places += [place] if place else []
    # The released ReScraper removes one string after another, each from what the one before has left.
    left = shown.text
    done = gone = 0
    for index, (start, end) in enumerate(places):
        if not is_valid(shown.text[start:end]):  # JSON has no way to write a lone surrogate
            unsaid[Unsaid.INVALID] += 1
            continue
        limit = places[index + 1][0] if index + 1 < len(places) else len(shown.text)
        for place in equal_removals(shown.text, start, end, done, limit) if end - start <= SOURCE_LIMIT else ():
            string = shown.text[slice(*place)]
            if shown.text.find(string) == place[0] and left.find(string) == place[0] - gone:
                left = left.replace(string, "", 1)
                done, gone = place[1], gone + len(string)
                yield ReplaceInLine(number, string, occurrence="first")
                break
        else:
            unsaid[Unsaid.TOO_LONG if end - start > SOURCE_LIMIT else Unsaid.NOT_UNIQUE] += 1
